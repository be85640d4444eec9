/** Messages that have arrived in a mailbox, oldest first. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { ArrivalPlace } from './arrival-cursor.ts'
import type { Arrival } from './arrival-filter.ts'

/** Messages that are read together. */
export const arrivalsPerStep = 100

/** Where messages are waited for; null: wherever mail arrives, which is not in Sent, Drafts, Junk and Trash. */
export type ArrivalFolder = string | null

/** At most `arrivalsPerStep` of a place, behind `afterId`. */
export async function readArrivals(
  db: Db,
  mailboxId: string,
  folderId: ArrivalFolder,
  place: ArrivalPlace,
  afterId: string | null,
): Promise<Arrival[]> {
  const behind = afterId === null ? sql`` : sql`and messages.id > ${afterId}::uuid`
  const untold = sql`messages.body_id <> all(${uuidArray(place.told.map(({ bodyId }) => bodyId))})`
  return await read(
    db,
    mailboxId,
    folderId,
    sql`messages.id >= ${place.fromId}::uuid ${behind} and ${untold}`,
  )
}

/** Those of these ids that are there. */
export async function readArrivalsOf(
  db: Db,
  mailboxId: string,
  folderId: ArrivalFolder,
  place: ArrivalPlace,
  ids: readonly string[],
): Promise<Arrival[]> {
  const untold = sql`messages.body_id <> all(${uuidArray(place.told.map(({ bodyId }) => bodyId))})`
  return await read(db, mailboxId, folderId, sql`messages.id = any(${uuidArray(ids)}) and ${untold}`)
}

async function read(
  db: Db,
  mailboxId: string,
  folderId: ArrivalFolder,
  where: RawBuilder<unknown>,
): Promise<Arrival[]> {
  const inFolder =
    folderId === null
      ? sql`coalesce(special_use not in ('sent', 'drafts', 'junk', 'trash'), true)`
      : sql`messages.folder_id = ${folderId}::uuid`
  const { rows } = await sql<Arrival>`
    select arrived.*, envelope, structure from (
      select messages.id, folder_id as "folderId", body_id as "bodyId", internal_date as "internalDate"
      from messages join folders on folders.mailbox_id = messages.mailbox_id and folders.id = messages.folder_id
      where messages.mailbox_id = ${mailboxId}::uuid and ${where} and ${inFolder}
      order by messages.id limit ${arrivalsPerStep}
    ) as arrived join bodies on bodies.id = arrived."bodyId" order by arrived.id`.execute(db)
  return rows
}

/** The body of a message that is there. */
export async function bodyOfMessage(db: Db, mailboxId: string, id: string): Promise<string | null> {
  const row = await db
    .selectFrom('messages')
    .select('body_id')
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.body_id ?? null
}
