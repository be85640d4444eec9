/** Billing details of a workspace. They have no call that shows them. */
import { Type } from 'typebox'
import { getWorkspace } from '../../accounts/workspaces.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { accountOf } from './account.ts'
import { billingFields, keepBillingDetails } from './billing-input.ts'
import { DoneView, done, errors, Id } from './schemas.ts'

const BillingBody = Type.Object({ ...billingFields, workspaceId: Id })

export function billingRoutes(app: Api, platform: Platform): void {
  for (const [method, summary, message] of [
    ['POST', 'Add the billing details of a workspace', 'Billing details added successfully'],
    ['PUT', 'Replace the billing details of a workspace', 'Billing details updated successfully'],
  ] as const) {
    app.route({
      method,
      url: '/v2/billing',
      schema: {
        summary,
        description: 'Both replace what there is. The registrant of new domains becomes the same.',
        tags: ['billing'],
        body: BillingBody,
        response: { 200: DoneView, ...errors() },
      },
      handler: async (request) => {
        const caller = callerOf(request)
        const { workspaceId, ...input } = request.body
        const account = await accountOf(platform, caller)
        await transact(platform, caller, async (tx) => {
          const { id } = await getWorkspace(platform, caller.principal, workspaceId, tx)
          await keepBillingDetails(platform, tx, { ...caller.scope, workspaceId: id }, account, input)
        })
        return done(message)
      },
    })
  }
}
