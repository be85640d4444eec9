/** The folders that a sending touches, locked before it begins: two mailboxes that answer each other wait, and do not cross. */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { lockMailbox } from '../../mailboxes/mailboxes.ts'
import type { Tx } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { PreparedSubmission } from './submit.ts'

/**
 * Locks, in the order that everyone locks them in (decision 0012), the folders that get the message, that for sent mail,
 * and those of messages that change with it.
 */
export async function lockForSending(
  tx: Tx,
  scope: Scope,
  prepared: PreparedSubmission,
  messageIds: readonly (string | null)[],
): Promise<void> {
  const { mailbox } = prepared
  const placements = prepared.kind === 'send' ? prepared.delivery.placements : []
  await lockMailbox(tx, scope, mailbox.id)
  const owners = [mailbox.id, ...placements.map(({ owner }) => owner.mailboxId)]
  const folders = placements.map(({ folderId }) => folderId)
  const messages = messageIds.flatMap((id) => id ?? [])
  await sql`
    select from folders where mailbox_id = any(${uuidArray([...new Set(owners)])}) and (
      id = any(${uuidArray(folders)})
      or mailbox_id = ${mailbox.id}::uuid and (special_use in ('sent', 'drafts', 'inbox') or id in (
        select folder_id from messages where mailbox_id = ${mailbox.id}::uuid and id = any(${uuidArray(messages)})
      ))
    )
    order by mailbox_id, id for no key update`.execute(tx)
}
