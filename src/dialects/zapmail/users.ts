/** The account behind the key. */
import { Type } from 'typebox'
import { requireWorkspace } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { walletOf } from '../../billing/wallets.ts'
import { listPaidPlans } from '../../mailboxes/payment/paid-things.ts'
import { countByProduct } from '../../mailboxes/product-counts.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { accountOf } from './account.ts'
import { unitsOf } from './amounts.ts'
import { productsOf, providerOf } from './providers.ts'
import { DataOf, dataOf, errors, Moment } from './schemas.ts'

const UserView = Type.Object(
  {
    id: Type.String(),
    email: Type.String({ format: 'email' }),
    firstName: Type.String(),
    lastName: Type.String(),
    activePlan: Type.String({ description: 'Of the workspace; empty: none.' }),
    planEndsOn: { ...Moment, description: 'Far in the future where there is no plan that could end.' },
    purchasedMailboxes: Type.Integer({ description: 'Those that there are, and free slots of the plan.' }),
    assignedMailboxes: Type.Integer(),
    userCreatedAt: { ...Moment, description: 'When the workspace was made.' },
    walletBalance: Type.Number({ description: 'In units of the wallet’s currency.' }),
  },
  { title: 'User' },
)

/** Where nothing ends. */
const never = '9999-12-31T23:59:59.999Z'

export function userRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/users',
    {
      schema: {
        summary: 'Get the account',
        description: 'Counts, plan and wallet are those of the workspace.',
        tags: ['users'],
        response: { 200: DataOf(UserView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { principal, scope } = caller
      requireWorkspace(scope)
      const { db } = platform
      const { workspaceId } = scope
      const workspace = await getWorkspace(platform, principal, workspaceId)
      const [plan] = await listPaidPlans(platform, scope)
      const counts = (await countByProduct(db, [workspaceId], []))(null, productsOf[providerOf(request)])
      const { balance, currency } = await walletOf(platform, scope)
      return dataOf('User details fetched successfully', {
        ...(await accountOf(platform, caller)),
        activePlan: plan?.plan?.name ?? '',
        planEndsOn: plan?.endsAt.toISOString() ?? never,
        purchasedMailboxes: counts.mailboxes + counts.freeSlots,
        assignedMailboxes: counts.mailboxes,
        userCreatedAt: workspace.created_at.toISOString(),
        walletBalance: unitsOf({ amount: balance, currency }),
      })
    },
  )
}
