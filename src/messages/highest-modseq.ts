/** The highest MODSEQ among messages of a folder (RFC 7162 §3.1.6). */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { int8Array } from '../platform/sql-arrays.ts'

/** @returns null when none of the messages exists. */
export async function highestModseqOf(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  uids: readonly number[],
): Promise<number | null> {
  const { rows } = await sql<{ highest: number | null }>`
    select max(modseq) as highest from messages
    where mailbox_id = ${folder.mailboxId}::uuid and folder_id = ${folder.folderId}::uuid
      and uid = any(${int8Array(uids)})`.execute(platform.db)
  return rows[0]?.highest ?? null
}
