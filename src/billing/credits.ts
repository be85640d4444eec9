/** Credits: money that comes to a wallet, and what then happens with what waits for it. */
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { postTransfers } from './ledger.ts'
import type { Payer } from './payers.ts'
import type { Account, Cause, TransferKind } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** `amount` is negative where money was taken back. */
    'billing.credited': {
      kind: TransferKind
      amount: number
      currency: string
      balance: number
      description: string
    }
  }
}

declare module '../platform/jobs.ts' {
  interface JobTypes {
    /** Pays what waits for money in this workspace: renewals, orders, mailboxes. */
    'billing.settle': { workspace_id: string }
  }
}

export type Credit = {
  payer: Payer
  kind: TransferKind
  /** In minor units; negative takes away, and may take the wallet below its limit. */
  amount: number
  /** The account that it comes from. */
  from: Exclude<Account, 'wallet' | 'held'>
  /** What makes it the same credit when it comes again. */
  key: string
  cause: Cause
  causeId: string | null
  description: string
}

/**
 * Moves money to a wallet that this transaction has locked, once for each key.
 * @returns whether it did; false: it had been done before.
 */
export async function credit(platform: Platform, tx: Tx, wanted: Credit): Promise<boolean> {
  const { payer, kind, amount, from, key, cause, causeId, description } = wanted
  const { organizationId, workspaceId, wallet } = payer
  const made = await postTransfers(platform, tx, [
    {
      organizationId,
      workspaceId,
      currency: wallet.currency,
      key,
      kind,
      cause,
      causeId,
      forced: true,
      description,
      entries: { wallet: amount, [from]: -amount },
    },
  ])
  if (made.size === 0) return false
  wallet.balance += amount
  const { currency, balance } = wallet
  const data = { kind, amount, currency, balance, description }
  await appendEvents(platform, tx, [{ type: 'billing.credited', organizationId, workspaceId, data }])
  if (amount > 0) await addSettleJob(tx, workspaceId)
  return true
}

/** For whoever has made it possible to pay: the wallet has more, or is unlocked. */
export async function addSettleJob(tx: Tx, workspaceId: string): Promise<void> {
  await addJob(tx, 'billing.settle', { workspace_id: workspaceId }, { key: `billing.settle:${workspaceId}` })
}
