/** What messages are called when someone is asked about them. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { decodeHeaderText } from './mime/encoded-words.ts'

const subjectCharsMax = 200

/** Their subjects, decoded and cut, by id. */
export async function readSubjects(
  tx: Tx,
  mailboxId: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; subject: string | null }>`
    select messages.id, envelope ->> 'subject' as subject
    from messages join bodies on bodies.id = messages.body_id
    where mailbox_id = ${mailboxId}::uuid and messages.id = any(${uuidArray(ids)})`.execute(tx)
  return new Map(
    rows.map(({ id, subject }) => [
      id,
      decodeHeaderText(subject ?? '')
        .slice(0, subjectCharsMax)
        .toWellFormed(),
    ]),
  )
}
