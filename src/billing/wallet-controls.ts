/**
 * What the operator does with a tenant's wallet: gives money (the payment provider `manual`), corrects, sets how far it
 * may be overdrawn, and locks it.
 */
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { addSettleJob, credit } from './credits.ts'
import { lockPayer, type Wallet } from './payers.ts'
import type { Account } from './tables.ts'
import { requireOwner, tellChanged } from './wallets.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.wallet_locked': { reason: string }
    'billing.wallet_unlocked': { reason: string }
  }
}

export type ManualCreditKind = 'top_up' | 'promotion' | 'correction'

export type ManualCredit = {
  kind: ManualCreditKind
  /** In minor units of the wallet's currency; negative only of a correction. */
  amount: number
  /** Which the amount is thought in; null: the wallet's, whatever it is. */
  currency: string | null
  description: string
}

const accountOf: Readonly<Record<ManualCreditKind, Exclude<Account, 'wallet' | 'held'>>> = {
  top_up: 'payments',
  promotion: 'promotions',
  correction: 'corrections',
}

// Far below what a number counts exactly, however often it is given.
const balanceMax = 1e15

/** @returns the wallet as it then is. @throws Refusal workspace_not_found, invalid_request. */
export async function creditManually(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  { kind, amount, currency, description }: ManualCredit,
): Promise<Wallet> {
  if (amount === 0) throw wrong('amount', 'is nothing')
  if (amount < 0 && kind !== 'correction') throw wrong('amount', `of a ${kind} is not negative`)
  const payer = await lockPayer(platform, tx, await requireOwner(tx, workspaceId), [])
  if (currency !== null && currency !== payer.wallet.currency)
    throw wrong('currency', `is not the wallet’s, which is ${payer.wallet.currency}`)
  if (Math.abs(payer.wallet.balance + amount) > balanceMax) throw wrong('amount', 'is too much for a wallet')
  await credit(platform, tx, {
    payer,
    kind,
    amount,
    from: accountOf[kind],
    key: `manual:${newId()}`,
    cause: kind === 'top_up' ? 'top_up' : 'correction',
    causeId: null,
    description,
  })
  return payer.wallet
}

export type WalletControls = { creditLimit?: number; locked?: boolean; lockReason?: string }

/**
 * Sets what a wallet may; who can pay again is settled by a job.
 * @throws Refusal workspace_not_found, invalid_request for a reason without a lock, or a lock without a reason.
 */
export async function controlWallet(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  { creditLimit, locked, lockReason }: WalletControls,
): Promise<Wallet> {
  const { wallet: before } = await lockPayer(platform, tx, await requireOwner(tx, workspaceId), [])
  const isLocked = locked ?? before.locked_at !== null
  if (!isLocked && lockReason !== undefined) throw wrong('lock_reason', 'is of a wallet that is locked')
  const reason = isLocked ? (lockReason ?? before.lock_reason) : null
  if (isLocked && reason === null) throw wrong('lock_reason', 'is needed')
  const now = platform.clock.now()
  const wallet = await tx
    .updateTable('wallets')
    .set({
      credit_limit: creditLimit ?? before.credit_limit,
      locked_at: isLocked ? (before.locked_at ?? now) : null,
      lock_reason: reason,
      updated_at: now,
    })
    .where('workspace_id', '=', workspaceId)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellChanged(platform, tx, wallet)
  await tellLock(platform, tx, before, wallet)
  const isUnlocked = before.locked_at !== null && wallet.locked_at === null
  if (isUnlocked || wallet.credit_limit > before.credit_limit) await addSettleJob(tx, workspaceId)
  return wallet
}

async function tellLock(platform: Platform, tx: Tx, before: Wallet, wallet: Wallet): Promise<void> {
  if ((before.locked_at === null) === (wallet.locked_at === null)) return
  const { organization_id: organizationId, workspace_id: workspaceId } = wallet
  const type = wallet.locked_at === null ? 'billing.wallet_unlocked' : 'billing.wallet_locked'
  const data = { reason: wallet.lock_reason ?? before.lock_reason ?? '' }
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId, data }])
}

function wrong(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}
