/**
 * How often a message is opened: its HTML asks for a picture of one transparent point, whose address is the message's own.
 * Programs that load pictures for their readers count, and those that load none do not: it is a hint, and no proof.
 */
import { timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { publicUrl } from '../bounces/unsubscribe.ts'

export type Opens = { firstOpenedAt: Date | null; count: number }

const context = 'open_tracking'
const idBytes = 16
const signatureBytes = 16
const countMax = 1_000_000

/** The HTML with the picture as the last thing in its body. @param id of the tracking. */
export function withOpenPicture(platform: Platform, html: string, id: string): string {
  const picture = `<img src="${publicUrl(platform)}/o/${tokenOf(platform, id)}.gif" width="1" height="1" alt="">`
  const end = /<\/body\s*>(?![\s\S]*<\/body\s*>)/i.exec(html)?.index ?? html.length
  return html.slice(0, end) + picture + html.slice(end)
}

function tokenOf(platform: Platform, id: string): string {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
  return Buffer.concat([bytes, signatureOf(platform, id)]).toString('base64url')
}

function signatureOf({ vault }: Platform, id: string, keyId?: string): Buffer {
  return vault.digest(id, context, keyId).subarray(0, signatureBytes)
}

/** @returns the tracking's id; null for a token that is not ours. */
export function openTrackingOf(platform: Platform, token: string): string | null {
  if (!/^[\w-]{43}$/.test(token)) return null
  const bytes = Buffer.from(token, 'base64url')
  const hex = bytes.toString('hex', 0, idBytes)
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const given = bytes.subarray(idBytes)
  const isOurs = [...platform.vault.keyIds].some((keyId) =>
    timingSafeEqual(given, signatureOf(platform, id, keyId)),
  )
  return isOurs && isId(id) ? id : null
}

/** Begins to count, in the transaction that sends. */
export async function insertTracking(
  platform: Platform,
  tx: Tx,
  { mailboxId }: MailboxOwner,
  id: string,
  messageId: string,
): Promise<void> {
  const values = { id, mailbox_id: mailboxId, message_id: messageId, first_opened_at: null }
  await tx
    .insertInto('open_trackings')
    .values({ ...values, created_at: platform.clock.now() })
    .execute()
}

/** Counts one opening; nothing where the message is gone. */
export async function countOpen(platform: Platform, id: string): Promise<void> {
  await sql`/* prepared count_open */
    update open_trackings set open_count = least(open_count + 1, ${countMax}::int),
      first_opened_at = coalesce(first_opened_at, ${platform.clock.now()}::timestamptz)
    where id = ${id}::uuid`.execute(platform.db)
}

/** Of those that are counted, by message id. */
export async function opensOf(
  db: Db,
  mailboxId: string,
  messageIds: readonly string[],
): Promise<Map<string, Opens>> {
  if (messageIds.length === 0) return new Map()
  const { rows } = await sql<{ message_id: string; first_opened_at: Date | null; open_count: number }>`
    /* prepared opens_of */
    select message_id, first_opened_at, open_count from open_trackings
    where mailbox_id = ${mailboxId}::uuid and message_id = any(${uuidArray(messageIds)})`.execute(db)
  return new Map(
    rows.map((row) => [row.message_id, { firstOpenedAt: row.first_opened_at, count: row.open_count }]),
  )
}

/** Those of messages that are gone. @returns how many. */
export async function forgetGoneTrackings(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - 24 * 3600 * 1000)
  const { numAffectedRows } = await sql`
    delete from open_trackings t where created_at < ${before}::timestamptz
      and not exists (select from messages m where m.mailbox_id = t.mailbox_id and m.id = t.message_id)`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0)
}
