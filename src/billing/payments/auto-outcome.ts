/** What an automatic top-up that has ended means for the next one: how soon it may be tried, or that they are off. */
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { addLaterAutoTopUp } from '../low-balance.ts'
import { lockWallet, switchOff } from './auto-off.ts'
import type { Decline } from './provider.ts'
import { ownerOf, type TopUp } from './top-ups.ts'

// After these no further try may be made (card networks charge for it), or none can do.
const hardDeclines = new Set([
  'lost_card',
  'stolen_card',
  'expired_card',
  'pickup_card',
  'revocation_of_authorization',
  'revocation_of_all_authorizations',
  'stop_payment_order',
])
const hardAdvice = new Set(['do_not_try_again', 'confirm_card_data'])

const declinesMax = 3
/** How long to wait after the first and the second decline in a row. */
const waitHours = [4, 24]

/** Whether trying again could ever do. */
export function isHard({ code, declineCode, adviceCode }: Decline): boolean {
  return (
    hardDeclines.has(code) ||
    (declineCode !== null && hardDeclines.has(declineCode)) ||
    (adviceCode !== null && hardAdvice.has(adviceCode))
  )
}

/**
 * @param decline null: it was paid.
 * @param isRefused the provider did not even ask the bank: the card or the customer is gone, or a setting is wrong.
 */
export async function afterAutomatic(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  decline: Decline | null,
  isRefused = false,
): Promise<void> {
  const { workspace_id: workspaceId } = topUp
  await lockWallet(tx, workspaceId)
  const change = (values: { declines: number; not_before: Date | null }) =>
    tx.updateTable('auto_top_ups').set(values).where('workspace_id', '=', workspaceId).execute()
  if (decline === null) {
    await change({ declines: 0, not_before: null })
    return
  }
  const row = await tx
    .selectFrom('auto_top_ups')
    .select('declines')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  const declines = (row?.declines ?? 0) + 1
  const hours = waitHours[declines - 1] ?? 0
  const notBefore = new Date(platform.clock.now().getTime() + hours * 3600_000)
  await change({ declines, not_before: notBefore })
  if (isHard(decline) || declines >= declinesMax) await switchOff(platform, tx, ownerOf(topUp), 'declined')
  else if (isRefused) await switchOff(platform, tx, ownerOf(topUp), 'refused')
  else await addLaterAutoTopUp(tx, workspaceId, notBefore)
}
