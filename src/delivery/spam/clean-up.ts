/** What the filter forgets: lists of what is deleted for good, and what was learned too long ago. */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'

const rowsMax = 5_000

/** Deletes a batch of rows whose mailbox, domain or workspace is gone. @returns how many. */
export async function deleteOrphanedSenderLists(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from sender_lists where id in (
      select listed.id from sender_lists listed
      where case listed.scope
        when 'mailbox' then not exists (select from mailboxes where id = listed.scope_id and state <> 'deleted')
        when 'domain' then not exists (select from domains where id = listed.scope_id and state <> 'deleted')
        else not exists (select from workspaces where id = listed.scope_id and deleted_at is null) end
      limit ${rowsMax})`.execute(platform.db)
  const modes = await sql`
    delete from sender_list_modes where mailbox_id in (
      select mailbox_id from sender_list_modes
      where not exists (select from mailboxes where id = mailbox_id and state <> 'deleted') limit ${rowsMax})`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0) + Number(modes.numAffectedRows ?? 0)
}
