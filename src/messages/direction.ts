/** Whether a mailbox got a message or sent it: mail programs say so by the folder alone, and messages are moved. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Folder } from './folders.ts'
import type { SpecialUse } from './tables.ts'

export type Direction = 'inbound' | 'outbound'

/** Where mail from senders that a mailbox blocks is kept. */
export const blockedFolderPath = 'Blocked'

/** A folder that holds only messages of one direction; null: it may hold both. */
export function directionOfFolder({
  special_use: use,
  path,
}: Pick<Folder, 'special_use' | 'path'>): Direction | null {
  if (use === 'sent') return 'outbound'
  return use === 'inbox' || use === 'junk' || path === blockedFolderPath ? 'inbound' : null
}

/**
 * What lies in Sent was sent, and what lies in INBOX, Junk or Blocked came in. Elsewhere it was sent when an address of
 * the mailbox wrote it, unless Sent has the copy: then this one is what the mailbox got from itself.
 * @returns by message id; ids that are not (any more) there are left out.
 */
export async function directionsOf(
  db: Db,
  mailboxId: string,
  ids: readonly string[],
): Promise<Map<string, Direction>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ id: string; is_sent: boolean }>`/* prepared message_directions */
    select m.id, case
      when f.special_use = 'sent' then true
      when f.special_use in ('inbox', 'junk') or f.path = ${blockedFolderPath}::text then false
      else exists (
        select from addresses a where a.mailbox_id = m.mailbox_id and a.address
          = lower(concat(envelope #>> '{from,0,mailbox}', '@', envelope #>> '{from,0,host}'))
      ) and not exists (
        select from messages copy join folders sent on sent.mailbox_id = copy.mailbox_id and sent.id = copy.folder_id
        where copy.body_id = m.body_id and copy.mailbox_id = m.mailbox_id and sent.special_use = 'sent'
      ) end as is_sent
    from messages m
      join folders f on f.mailbox_id = m.mailbox_id and f.id = m.folder_id
      join bodies on bodies.id = m.body_id
    where m.mailbox_id = ${mailboxId}::uuid and m.id = any(${uuidArray(ids)})`.execute(db)
  return new Map(rows.map(({ id, is_sent: isSent }) => [id, isSent ? 'outbound' : 'inbound']))
}

/** The same of messages whose folders are known, which are rarely asked for. */
export async function directionsOfPlaced(
  db: Db,
  mailboxId: string,
  messages: readonly { id: string; folderPath: string; specialUse: SpecialUse | null }[],
): Promise<Map<string, Direction>> {
  const directions = new Map<string, Direction>()
  const unsure: string[] = []
  for (const { id, folderPath: path, specialUse } of messages) {
    const direction = directionOfFolder({ path, special_use: specialUse })
    if (direction === null) unsure.push(id)
    else directions.set(id, direction)
  }
  for (const [id, direction] of await directionsOf(db, mailboxId, unsure)) directions.set(id, direction)
  return directions
}
