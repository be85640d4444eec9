/** Money that came by another way is put into a workspace's wallet, also while the server runs. */
import { creditManually } from '../billing/wallet-controls.ts'
import { transaction } from '../platform/database.ts'
import { formatSigned, parseMoney } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'

/** As it is typed: `50.00`, `USD`. */
export type TypedCredit = { workspaceId: string; amount: string; currency: string; reason: string }

/** @returns the balance after it. @throws Error, Refusal where it is no amount of the wallet's currency. */
export async function creditTyped(
  platform: Platform,
  { workspaceId, amount, currency, reason }: TypedCredit,
): Promise<string> {
  const money = parseMoney(amount, currency)
  if (money === null || money.amount === 0) throw new Error(`${amount} ${currency} is no amount of money.`)
  const wallet = await transaction(platform.db, (tx) =>
    creditManually(platform, tx, workspaceId, {
      kind: 'top_up',
      amount: money.amount,
      currency,
      description: reason,
    }),
  )
  return `${formatSigned({ amount: wallet.balance, currency: wallet.currency })} ${wallet.currency}`
}
