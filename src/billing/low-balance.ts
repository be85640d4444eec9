/** The moment at which a wallet's balance becomes low: it is told, and topped up where the customer wants that. */
import type { RawBuilder } from 'kysely'
import type { Tx } from '../platform/database.ts'
import type { NewEvent } from '../platform/events.ts'
import { addJobs, jobsStatement, type NewJob } from '../platform/jobs.ts'
import type { Payer } from './payers.ts'
import { tallyOf } from './trials.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.balance_low': { balance: number; low_balance: number; currency: string }
  }
}

declare module '../platform/jobs.ts' {
  interface JobTypes {
    /** Tops the wallet up, if that is due (payments/auto-top-up.ts). */
    'payments.auto_top_up': { workspace_id: string }
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

/**
 * What starts the automatic top-ups of payers who have just been charged; none where nobody needs one. Who was below
 * before has been looked at.
 */
export function topUpStatements(
  tx: Tx,
  charged: readonly { payer: Payer; before: number }[],
): RawBuilder<unknown>[] {
  if (tallyOf(tx) !== null) return []
  const low = charged.filter(({ payer: { wallet }, before }) => {
    const below = wallet.auto_top_up_below
    return below !== null && before >= below && wallet.balance < below
  })
  return low.length === 0 ? [] : [jobsStatement(autoTopUpJobs(low.map(({ payer }) => payer.workspaceId)))]
}

/** A job for each, of which those that have not begun are one. */
export async function addAutoTopUpJobs(tx: Tx, workspaceIds: readonly string[]): Promise<void> {
  await addJobs(tx, autoTopUpJobs(workspaceIds))
}

function autoTopUpJobs(workspaceIds: readonly string[]): NewJob[] {
  return workspaceIds.map((id) => ({
    name: 'payments.auto_top_up',
    payload: { workspace_id: id },
    key: `payments.auto_top_up:${id}`,
  }))
}
