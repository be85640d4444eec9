/** Routes of the operator: what holds for all tenants, or is another tenant's. */
import { isOfOperator, requireOperator } from '../accounts/operator.ts'
import { managesOrganization, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { type Caller, callerOf } from './caller.ts'

export const forOperators = 'For keys of the organization that runs the platform.'

/** @throws Refusal forbidden unless the caller runs the platform. */
export async function requireOperatorCall(db: Db, request: { caller: Caller | null }): Promise<void> {
  await requireOperator(db, callerOf(request).principal)
}

/** The same of a call that changes something. @returns what the caller may touch. */
export async function operatorScope(tx: Tx, request: { caller: Caller | null }): Promise<Scope> {
  const { principal, scope } = callerOf(request)
  await requireOperator(tx, principal)
  requireWrite(principal)
  return scope
}

/** Whether the caller runs the platform, for what shows an operator more than others. */
export async function isOperatorCall(db: Db, request: { caller: Caller | null }): Promise<boolean> {
  const { principal } = callerOf(request)
  if (principal.workspaceId !== null || principal.mailboxId !== null) return false
  return managesOrganization(principal) && (await isOfOperator(db, principal))
}
