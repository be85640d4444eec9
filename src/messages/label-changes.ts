/** A label of a mailbox given another name, or taken away: labels are only on messages, so that those that have it change. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { changeByIds } from './change-by-id.ts'
import { editedMax } from './edit-messages.ts'
import { requireLabels } from './labels.ts'
import type { MailboxOwner } from './owner.ts'

export type LabelRename = {
  /** In any case. */
  from: string
  /** Null: the label goes. */
  to: string | null
}

/**
 * Changes the next messages that have the label, at most 1,000, so that others get at the folders in between.
 * @returns how many; less than 1,000: there were no more.
 * @throws Refusal label_invalid.
 */
export async function replaceLabel(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { from, to }: LabelRename,
): Promise<number> {
  const [label = ''] = requireLabels([from], '/from')
  const labels = to === null ? [] : requireLabels([to], '/to')
  const { rows } = await sql<{ id: string }>`select id from messages
    where mailbox_id = ${owner.mailboxId}::uuid and keywords <> '{}' and exists (
      select from unnest(keywords) as keyword
      where lower(keyword) = ${label.toLowerCase()} and keyword <> ${to ?? ''})
    order by folder_id, uid limit ${editedMax}`.execute(tx)
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  const edit = { add_labels: labels, remove_labels: [label] }
  await changeByIds(platform, tx, owner, ids, { kind: 'edit', edit })
  return ids.length
}
