/** Credits: one is one unit of the wallet's currency, as a JSON number. And whose wallet a call is about. */
import type { FastifyRequest } from 'fastify'
import type { Scope } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { Refusal } from '../../platform/errors.ts'
import { formatSigned, type Money, parseMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf, headerOf } from '../callers.ts'

export function creditsOf(money: Money): number {
  return Number(formatSigned(money))
}

/** @returns minor units. @throws Refusal invalid_request for parts of a minor unit, and for too much. */
export function amountOf(name: string, credits: number, currency: string): number {
  const money = parseMoney(String(credits), currency)
  if (money === null) throw new Refusal('invalid_request', `${name} must be an amount of ${currency}`)
  return money.amount
}

/**
 * The team has a wallet for each workspace: that of the workspace which the call names, if it reaches that; else that of
 * the key's own, or of the first one.
 */
export async function payingScope(platform: Platform, request: FastifyRequest): Promise<Scope> {
  const { principal, scope } = callerOf(request)
  const named = headerOf(request, 'x-workspace-id')
  if (named === undefined || named === scope.workspaceId) return scope
  try {
    const { id: workspaceId } = await getWorkspace(platform, principal, named)
    return { ...scope, workspaceId }
  } catch (error) {
    // To name one where none is asked for is harmless.
    if (error instanceof Refusal && error.code === 'workspace_not_found') return scope
    throw error
  }
}
