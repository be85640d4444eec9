/**
 * Many UIDs as one value of a result: a row for each would cost the driver thirty times as much. UIDs have 32 bits
 * (RFC 9051 §2.3.1.1), four octets each, shifted into the range of PostgreSQL's signed integer.
 */
import { type RawBuilder, sql } from 'kysely'

const shift = 2 ** 31

/** An aggregate over rows with a column `uid`, ascending; null over no rows. */
export const packedUids: RawBuilder<Buffer | null> = sql`
  string_agg(int4send((uid - ${sql.lit(shift)})::int4), ''::bytea order by uid)`

export function unpackUids(packed: Buffer | null): Uint32Array {
  if (packed === null) return new Uint32Array()
  const uids = new Uint32Array(packed.length / 4)
  for (let at = 0; at < uids.length; at++) uids[at] = readUid(packed, at * 4)
  return uids
}

/** The UID at an octet of a value that was packed in this way, alone or among others. */
export function readUid(packed: Buffer, offset: number): number {
  return packed.readInt32BE(offset) + shift
}
