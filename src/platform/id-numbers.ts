/**
 * Whole numbers for ids, for callers who know no other: the time and the counter of a UUIDv7 (RFC 9562 §5.7), without what is
 * random. They are exact as JSON numbers until 2039. Ids of several nodes may share one, so that whoever looks one up
 * looks within what is the caller's.
 */
import { isId } from './ids.ts'

const counters = 0x1000

export function numberOfId(id: string): number {
  const hex = id.replaceAll('-', '')
  return Number.parseInt(hex.slice(0, 12), 16) * counters + Number.parseInt(hex.slice(13, 16), 16)
}

/** The first and the last id that have a number; null for what no id has. */
export function idsOfNumber(number: number): { first: string; last: string } | null {
  if (!Number.isSafeInteger(number) || number < 0) return null
  const time = Math.floor(number / counters)
    .toString(16)
    .padStart(12, '0')
  const counter = (number % counters).toString(16).padStart(3, '0')
  const head = `${time.slice(0, 8)}-${time.slice(8)}-7${counter}`
  const [first, last] = [`${head}-0000-000000000000`, `${head}-ffff-ffffffffffff`]
  return isId(first) ? { first, last } : null
}
