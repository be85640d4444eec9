/** The folder for drafts: the one of that use (RFC 6154), else one of that name. */
import { sql } from 'kysely'
import { createFolder } from '../../messages/folders.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Db, Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'

const path = 'Drafts'

/** @returns null where somebody deleted it. */
export async function findDraftsFolder(db: Db, mailboxId: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from folders where mailbox_id = ${mailboxId}::uuid and (special_use = 'drafts' or path = ${path})
    order by special_use = 'drafts' desc nulls last limit 1`.execute(db)
  return rows[0]?.id ?? null
}

/** The same, made where it is missing. @throws Refusal mailbox_not_found, folder_limit_reached. */
export async function haveDraftsFolder(platform: Platform, tx: Tx, owner: MailboxOwner): Promise<string> {
  const found = await findDraftsFolder(tx, owner.mailboxId)
  return found ?? (await createFolder(platform, tx, owner, path, 'drafts')).id
}
