/** The moment at which a wallet's balance becomes low. */
import type { NewEvent } from '../platform/events.ts'
import type { Payer } from './payers.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.balance_low': { balance: number; low_balance: number; currency: string }
  }
}

/** @param before the balance before what has just been taken: who is below already was told. */
export function lowBalanceEvents({ organizationId, workspaceId, wallet }: Payer, before: number): NewEvent[] {
  const { low_balance, balance, currency } = wallet
  if (low_balance === null || before < low_balance || balance >= low_balance) return []
  return [
    { type: 'billing.balance_low', organizationId, workspaceId, data: { balance, low_balance, currency } },
  ]
}
