/** Random bytes from a pool: a call of the system for each few would cost more than what they are used for. */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(16_384)
let at = pool.length

/** @param count up to 1,024. @returns bytes of the system's secure randomness, which nobody else gets. */
export function randomBytes(count: number): Buffer {
  if (count > 1024) throw new RangeError('more than a pool is for')
  if (at + count > pool.length) {
    randomFillSync(pool)
    at = 0
  }
  const bytes = Buffer.from(pool.subarray(at, at + count)) // a copy
  pool.fill(0, at, at + count) // what becomes a password does not lie here, too
  at += count
  return bytes
}
