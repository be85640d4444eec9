/**
 * Where a caller is among the messages that arrive: everything from an id on, but for what it has had.
 *
 * Ids sort by the moment of arrival (decision 0017), which is taken before the commit: a message may appear behind one that
 * came later. So a place lies some seconds back, and names what was told of within them. Bodies are named, too: a copy of a
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

/** A message, by its id and its body's. */
export type Told = { id: string; bodyId: string }

/** So late a message may appear behind its date: while the DNS of its sender was asked, as a rule some hundredths of a second. */
export const lateMs = 60_000
/** Who is told of more within that time hears no more of what is as late as the oldest of them. */
export const toldMax = 64
const version = 1

export function placeAt(at: Date): ArrivalPlace {
  return { fromId: idFloor(at), told: [] }
}

/** The place behind what was told of, and behind everything that was looked at by `lookedAt`. */
export function placeBehind(place: ArrivalPlace, lookedAt: Date, told: Told | null): ArrivalPlace {
  const toldAtMs = told === null ? Number.POSITIVE_INFINITY : momentOfId(told.id)
  const upToMs = Math.min(lookedAt.getTime(), toldAtMs) - lateMs
  const fromId = laterOf(place.fromId, idFloor(new Date(Math.max(0, upToMs))))
  return bounded(fromId, told === null ? place.told : [...place.told, told])
}

/** @param told in any order; of too many the place lies behind the oldest. */
export function bounded(fromId: string, told: readonly Told[]): ArrivalPlace {
  const all = told.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const dropped = all.slice(0, Math.max(0, all.length - toldMax)).at(-1)
  const from = dropped === undefined ? fromId : laterOf(fromId, idAfter(dropped.id))
  return { fromId: from, told: all.filter(({ id }) => id >= from) }
}

function laterOf(a: string, b: string): string {
  return a > b ? a : b
}

/** The next id in order: several messages may have the same moment. */
function idAfter(id: string): string {
  const next = (BigInt(`0x${hexOf(id)}`) + 1n).toString(16).padStart(32, '0')
  return textOf(next.length > 32 ? 'f'.repeat(32) : next)
}

/** The moment in an id: RFC 9562 §5.7. */
export function momentOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

const idBytes = 16
const headBytes = 1 + idBytes
const toldBytes = 2 * idBytes

/** Cursors are opaque to callers, so that their contents may change. */
export function encodePlace({ fromId, told }: ArrivalPlace): string {
  const ids = [fromId, ...told.flatMap(({ id, bodyId }) => [id, bodyId])]
  return Buffer.concat([Buffer.from([version]), Buffer.from(ids.map(hexOf).join(''), 'hex')]).toString(
    'base64url',
  )
}

export const placeCharsMax = Math.ceil(((headBytes + toldMax * toldBytes) * 4) / 3)

/** @throws Refusal invalid_cursor. */
export function decodePlace(cursor: string): ArrivalPlace {
  const bytes = Buffer.from(cursor, 'base64url')
  const count = (bytes.length - headBytes) / toldBytes
  const isOurs = Number.isInteger(count) && count >= 0 && count <= toldMax && bytes.at(0) === version
  if (!isOurs || bytes.toString('base64url') !== cursor) throw new Refusal('invalid_cursor')
  const told = Array.from({ length: count }, (_, index) => {
    const at = headBytes + index * toldBytes
    return { id: idOf(bytes, at), bodyId: idOf(bytes, at + idBytes) }
  })
  return { fromId: idOf(bytes, 1), told }
}

function hexOf(id: string): string {
  return id.replaceAll('-', '')
}

function textOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function idOf(bytes: Buffer, at: number): string {
  const id = textOf(bytes.toString('hex', at, at + idBytes))
  if (!isId(id)) throw new Refusal('invalid_cursor')
  return id
}
