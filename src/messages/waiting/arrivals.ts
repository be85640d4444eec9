/** Messages that have arrived in a mailbox, oldest first. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { idFloor } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { type ArrivalPlace, lateMs, type Told, toldMax } from './arrival-cursor.ts'
import type { Arrival } from './arrival-filter.ts'

/** Messages that are read together. */
export const arrivalsPerStep = 100

/** Where messages are waited for; null: wherever mail arrives, which is not in Sent, Drafts, Junk and Trash. */
export type ArrivalFolder = string | null

/** At most `arrivalsPerStep` of a place, behind `afterId`. */
export async function readArrivals(
  platform: Platform,
  mailboxId: string,
  folderId: ArrivalFolder,
  place: ArrivalPlace,
  afterId: string | null,
): Promise<Arrival[]> {
  const behind = afterId === null ? sql`` : sql`and messages.id > ${afterId}::uuid`
  return await read(platform, mailboxId, folderId, place, sql`messages.id >= ${place.fromId}::uuid ${behind}`)
}

/** Those of these ids that are there. */
export async function readArrivalsOf(
  platform: Platform,
  mailboxId: string,
  folderId: ArrivalFolder,
  place: ArrivalPlace,
  ids: readonly string[],
): Promise<Arrival[]> {
  return await read(platform, mailboxId, folderId, place, sql`messages.id = any(${uuidArray(ids)})`)
}

/** What a program has put there with a date to come has not arrived: nodes' clocks differ by less. */
function notYet({ clock }: Platform): string {
  return idFloor(new Date(clock.now().getTime() + lateMs))
}

async function read(
  platform: Platform,
  mailboxId: string,
  folderId: ArrivalFolder,
  { told }: ArrivalPlace,
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
      where messages.mailbox_id = ${mailboxId}::uuid and ${where} and messages.id < ${notYet(platform)}::uuid
        and messages.body_id <> all(${uuidArray(told.map(({ bodyId }) => bodyId))}) and ${inFolder}
      order by messages.id limit ${arrivalsPerStep}
    ) as arrived join bodies on bodies.id = arrived."bodyId" order by arrived.id`.execute(platform.db)
  return rows
}

/** The newest that are there with this id or a later one: one more than a place names. */
export async function readNewestFrom(platform: Platform, mailboxId: string, fromId: string): Promise<Told[]> {
  return await platform.db
    .selectFrom('messages')
    .select(['id', 'body_id as bodyId'])
    .where('mailbox_id', '=', mailboxId)
    .where('id', '>=', fromId)
    .where('id', '<', notYet(platform))
    .orderBy('id', 'desc')
    .limit(toldMax + 1)
    .execute()
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
