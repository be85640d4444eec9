/** A place in the event log, and how callers hold it: as an opaque text that is refused when it leads nowhere. */
import { sql } from 'kysely'
import type { Db } from './database.ts'
import { Refusal } from './errors.ts'
import type { EventCursor, EventPlace } from './event-log.ts'
import { eventRetentionDays } from './events.ts'

/** A text that sorts as the log does. */
export function placeOrder({ xid, id }: EventPlace): string {
  return `${xid.padStart(20, '0')}${id}`
}

const cursorBytes = 8 + 16 + 6 + 4

/** Cursors are opaque to callers, so that their contents may change. */
export function encodeEventCursor({ xid, id, at, cluster }: EventCursor): string {
  const bytes = Buffer.alloc(cursorBytes)
  bytes.writeBigUInt64BE(BigInt(xid))
  bytes.write(id.replaceAll('-', ''), 8, 'hex')
  bytes.writeUIntBE(Math.max(0, at.getTime()), 24, 6)
  bytes.writeUInt32BE(cluster, 30)
  return bytes.toString('base64url')
}

/** @throws Refusal invalid_cursor. */
export function decodeEventCursor(cursor: string): EventCursor {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length !== cursorBytes || bytes.toString('base64url') !== cursor) {
    throw new Refusal('invalid_cursor')
  }
  if (bytes.readBigInt64BE() < 0n) throw new Refusal('invalid_cursor') // no xid8 of this age of the world
  const hex = bytes.toString('hex', 8, 24)
  return {
    xid: bytes.readBigUInt64BE().toString(),
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    at: new Date(bytes.readUIntBE(24, 6)),
    cluster: bytes.readUInt32BE(30),
  }
}

/**
 * Refuses a cursor behind which events may be missing: one that is older than the log is kept for, or of another
 * database cluster, out of which a backup was restored into this one.
 * @throws Refusal cursor_expired.
 */
export async function requireLiveCursor(db: Db, now: Date, { xid, at, cluster }: EventCursor): Promise<void> {
  const { rows } = await sql<{ isOurs: boolean }>`
    select ${xid}::xid8 < pg_snapshot_xmax(pg_current_snapshot())
      and (system_identifier & 4294967295) = ${cluster}::bigint as "isOurs" from pg_control_system()`.execute(
    db,
  )
  const oldestMs = now.getTime() - eventRetentionDays * 24 * 3600 * 1000
  if (rows[0]?.isOurs !== true || at.getTime() < oldestMs) throw new Refusal('cursor_expired')
}
