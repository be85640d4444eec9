/** The account: the workspace that the key reaches, what it may have of each type, and what it has. */
import { type Static, Type } from 'typebox'
import { countKeysOf } from '../../accounts/api-keys.ts'
import { findOwner } from '../../accounts/members.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { billingDetailsOf } from '../../billing/billing-details.ts'
import { countDomains } from '../../domains/domains.ts'
import { type Allocation, allocationsOf } from '../../mailboxes/allocations.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { countOpenProductRequests } from '../../mailboxes/product-requests.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { shownEmail } from '../shown-email.ts'
import { DataOf, dataOf, errors, Moment } from './schemas.ts'
import { TypeView, typeOf } from './types.ts'

const CustomerView = Type.Object({
  id: Type.String({ description: 'The workspace’s.' }),
  email: Type.String({ format: 'email' }),
  name: Type.String(),
  createdAt: Moment,
})

const AllocationView = Type.Object({
  type: TypeView,
  allocated: Type.Integer({ description: 'Used and remaining together.' }),
  used: Type.Integer(),
  remaining: Type.Integer(),
})

const AccountView = Type.Object({
  customer: CustomerView,
  allocations: Type.Array(AllocationView),
  summary: Type.Object({
    totalDomains: Type.Integer(),
    activeDomains: Type.Integer(),
    pendingMailboxRequests: Type.Integer(),
    activeApiKeys: Type.Integer(),
  }),
})

export function accountRoute(app: Api, platform: Platform): void {
  app.get(
    '/account',
    {
      schema: {
        summary: 'Get the account, its allocations and counts',
        tags: ['Account'],
        response: { 200: DataOf(AccountView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const allocations = await allocationsOf(platform, scope)
      const domains = await countDomains(platform.db, scope)
      domains.delete('deletion_scheduled') // gone here
      return dataOf({
        customer: await customerView(platform, caller),
        allocations: typeOrder.flatMap((product) =>
          allocations.filter((one) => one.product === product).map(allocationView),
        ),
        summary: {
          totalDomains: [...domains.values()].reduce((sum, count) => sum + count, 0),
          activeDomains: domains.get('active') ?? 0,
          pendingMailboxRequests: await countOpenProductRequests(platform, scope),
          activeApiKeys: await countKeysOf(platform, scope),
        },
      })
    },
  )
}

const typeOrder = ['microsoft', 'google', 'smtp', 'smtp_dedicated'] as const

function allocationView({ product, ...counts }: Allocation): Static<typeof AllocationView> {
  return { type: typeOf[product], ...counts }
}

async function customerView(
  platform: Platform,
  { principal, scope }: Caller,
): Promise<Static<typeof CustomerView>> {
  const workspace = await getWorkspace(platform, principal, scope.workspaceId)
  // Who is bound to a workspace does not see the organization's people.
  const owner = principal.workspaceId === null ? await findOwner(platform, principal) : null
  const { email } = await billingDetailsOf(platform.db, workspace.id)
  return {
    id: workspace.id,
    email: shownEmail([owner?.email, email]),
    name: workspace.name,
    createdAt: workspace.created_at.toISOString(),
  }
}
