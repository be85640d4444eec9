/** The rows of annotations (RFC 5464), as folders need them: they go and come with their folder. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'

/** Under which the entries stand that belong to no folder: the nil UUID (RFC 9562 §5.9). */
export const noFolder = '00000000-0000-0000-0000-000000000000'

/** A folder made anew under the same name must not inherit them (RFC 5464 §4.1). */
export async function deleteAnnotationsOf(tx: Tx, mailboxId: string, folderId: string): Promise<void> {
  await tx
    .deleteFrom('annotations')
    .where('mailbox_id', '=', mailboxId)
    .where('folder_id', '=', folderId)
    .execute()
}

/** RENAME of INBOX leaves them and gives the new folder a copy (RFC 5464 §4.1). */
export async function copyAnnotations(tx: Tx, mailboxId: string, from: string, to: string): Promise<void> {
  await sql`
    insert into annotations (mailbox_id, folder_id, entry, value)
    select mailbox_id, ${to}::uuid, entry, value from annotations
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${from}::uuid`.execute(tx)
}
