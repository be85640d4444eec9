/** Ids: UUIDv7 (RFC 9562 §5.7) made in the program, so that rows sort by the time of their making. */
import { randomFillSync } from 'node:crypto'

let lastMs = 0
let sequence = 0
const pool = Buffer.alloc(8 * 512)
let poolAt = pool.length

/**
 * A new UUIDv7. Ids made by one process rise strictly, also within a millisecond: the 12 bits of
 * rand_a count (RFC 9562 §6.2, method 1), and a full counter borrows from the next millisecond.
 */
export function newId(): string {
  const nowMs = Date.now()
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xfff) {
    lastMs += 1
    sequence = 0
  }
  return format(lastMs, sequence)
}

let datedSequence = 0
const latestMs = 2 ** 48 - 1

/**
 * A new UUIDv7 with the time of something that happened before: what is stored late sorts where it belongs. Those of
 * one moment rise too, nearly always.
 */
export function newIdAt(at: Date): string {
  datedSequence = (datedSequence + 1) & 0xfff
  return format(Math.min(latestMs, Math.max(0, at.getTime())), datedSequence)
}

function format(timeMs: number, counter: number): string {
  if (poolAt >= pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  const random = pool.toString('hex', poolAt, poolAt + 8)
  poolAt += 8
  const time = timeMs.toString(16).padStart(12, '0')
  const variant = '89ab'[Number.parseInt(random.charAt(0), 16) & 3]
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${random.slice(1, 4)}-${random.slice(4)}`
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a text from outside may be compared with an id column at all. */
export function isId(text: string): boolean {
  return uuidPattern.test(text)
}

/** The smallest id that could have been made at this moment: a bound for "older than". */
export function idFloor(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`
}

/** The moment that an id was made at, or made for, to the millisecond (RFC 9562 §5.7). */
export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16))
}
