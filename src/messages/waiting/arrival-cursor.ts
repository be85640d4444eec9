/**
 * Where a caller is among the messages that arrive: everything from an id on, but for what it has had.
 *
 * Ids sort by the moment of arrival (decision 0017), which is taken before the commit: a message may appear behind one that
 * came later. So a place lies some seconds back, and names what was told of within them. Bodies are named: a copy of a
 * message in another folder is not another message.
 */
import { Refusal } from '../../platform/errors.ts'
import { idFloor, isId } from '../../platform/ids.ts'

export type ArrivalPlace = {
  /** Messages with this id or a later one. */
  fromId: string
  /** What was told of since then, oldest first. */
  told: readonly Told[]
}

export type Told = { bodyId: string; atMs: number }

/** So late a message may appear behind its date: while the DNS of its sender was asked, as a rule some hundredths of a second. */
const lateMs = 60_000
/** Who is told of more within that time hears no more of what is as late as the oldest of them. */
const toldMax = 64
const version = 1

export function placeAt(at: Date): ArrivalPlace {
  return { fromId: idFloor(at), told: [] }
}

/** The place behind what was told of, and behind everything that was looked at by `lookedAt`. */
export function placeBehind(place: ArrivalPlace, lookedAt: Date, told: Told | null): ArrivalPlace {
  const all = told === null ? place.told : [...place.told, told]
  const upToMs = Math.min(lookedAt.getTime(), told?.atMs ?? Number.POSITIVE_INFINITY) - lateMs
  const dropped = all.slice(0, Math.max(0, all.length - toldMax))
  const afterDropped = dropped.map(({ atMs }) => idFloor(new Date(atMs + 1)))
  const fromId = [place.fromId, idFloor(new Date(Math.max(0, upToMs))), ...afterDropped].reduce((a, b) =>
    a > b ? a : b,
  )
  return {
    fromId,
    told: all.slice(dropped.length).filter(({ atMs }) => idFloor(new Date(atMs + 1)) > fromId),
  }
}

/** The moment in an id: RFC 9562 §5.7. */
export function momentOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

const toldBytes = 22

/** Cursors are opaque to callers, so that their contents may change. */
export function encodePlace({ fromId, told }: ArrivalPlace): string {
  const bytes = Buffer.alloc(17 + told.length * toldBytes)
  bytes.writeUInt8(version)
  bytes.write(hexOf(fromId), 1, 'hex')
  for (const [index, { bodyId, atMs }] of told.entries()) {
    bytes.writeUIntBE(atMs, 17 + index * toldBytes, 6)
    bytes.write(hexOf(bodyId), 23 + index * toldBytes, 'hex')
  }
  return bytes.toString('base64url')
}

export const placeCharsMax = Math.ceil(((17 + toldMax * toldBytes) * 4) / 3)

/** @throws Refusal invalid_cursor. */
export function decodePlace(cursor: string): ArrivalPlace {
  const bytes = Buffer.from(cursor, 'base64url')
  const count = (bytes.length - 17) / toldBytes
  const isOurs = Number.isInteger(count) && count >= 0 && count <= toldMax && bytes.at(0) === version
  if (!isOurs || bytes.toString('base64url') !== cursor) throw new Refusal('invalid_cursor')
  const told = Array.from({ length: count }, (_, index) => ({
    atMs: bytes.readUIntBE(17 + index * toldBytes, 6),
    bodyId: idOf(bytes, 23 + index * toldBytes),
  }))
  return { fromId: idOf(bytes, 1), told }
}

function hexOf(id: string): string {
  return id.replaceAll('-', '')
}

function idOf(bytes: Buffer, at: number): string {
  const id = bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  if (!isId(id)) throw new Refusal('invalid_cursor')
  return id
}
