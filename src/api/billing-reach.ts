/** Whose money a call is about: the workspace's, or, for the operator, that of all. */
import { requireOperator } from '../accounts/operator.ts'
import { ownReach, type Reach } from '../billing/invoices/store.ts'
import type { Platform } from '../platform/platform.ts'
import { type Caller, callerOf } from './caller.ts'
import { OneOf } from './schemas.ts'

export const Of = OneOf(
  ['workspace', 'platform'],
  'platform: of all workspaces, for keys of the organization that runs the platform. workspace if not given.',
)

/** @throws Refusal forbidden. */
export async function reachOf(
  platform: Platform,
  request: { caller: Caller | null; query: { of?: 'workspace' | 'platform' } },
): Promise<Reach> {
  const { principal, scope } = callerOf(request)
  if (request.query.of !== 'platform') return ownReach(scope)
  await requireOperator(platform.db, principal)
  return 'platform'
}
