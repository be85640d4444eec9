/** Mailboxes that are given up, and taken back, by whoever does not ask how far each of them is. */
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { cancelMailbox, keepMailbox } from './cancellation.ts'
import { deleteMailbox, lockMailbox, restoreMailbox } from './mailboxes.ts'
import type { Mailbox } from './tables.ts'
import { pageWorkspaceMailboxes } from './workspace-pages.ts'

/** How many mailboxes one call may give up. */
export const endedMax = 1000

/**
 * Gives mailboxes up, all or none: each works until its period ends; one whose first period has not begun is deleted now,
 * and can be restored. One that is deleted already stays so.
 * @param among the mailboxes of these ids, all of which must be there, and all of these domains.
 * @throws Refusal mailbox_not_found, invalid_request for more than `endedMax`, forbidden.
 */
export async function endMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  among: { ids: readonly string[]; domainIds: readonly string[] },
): Promise<void> {
  requireWrite(scope)
  requireWorkspace(scope)
  const page = { number: 1, size: endedMax }
  const { rows, total } = await pageWorkspaceMailboxes(tx, scope, { among }, page)
  const found = new Set(rows.map(({ id }) => id))
  if (total > endedMax) {
    throw new Refusal('invalid_request', `These are ${total} mailboxes: at most ${endedMax} in one call.`)
  }
  if (among.ids.some((id) => !found.has(id.toLowerCase()))) throw new Refusal('mailbox_not_found')
  // In the order in which all transactions lock them.
  for (const id of [...found].sort()) await endMailbox(platform, tx, scope, id)
}

async function endMailbox(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const { state, period_ends_at: endsAt } = await lockMailbox(tx, scope, id)
  if (state === 'deletion_scheduled') return
  if (endsAt === null) await deleteMailbox(platform, tx, scope, id, { purge: false })
  else await cancelMailbox(platform, tx, scope, id)
}

/**
 * Takes it back: what is deleted is restored, and goes on after its period. There was nothing to take back: nothing
 * changes.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, insufficient_funds, wallet_locked, item_not_priced, forbidden.
 */
export async function unendMailbox(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<Mailbox> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, id)
  const mailbox =
    before.state === 'deletion_scheduled' ? await restoreMailbox(platform, tx, scope, before.id) : before
  return mailbox.cancel_at_period_end ? await keepMailbox(platform, tx, scope, mailbox.id) : mailbox
}
