/** Pages of a list: by key, never by offset, so that the last page costs what the first does. */
import { Refusal } from './errors.ts'
import { isId } from './ids.ts'

export const pageLimitMax = 200
export const pageLimitDefault = 50

/** `after` is the id of the last row of the page before, or null for the first page. */
export type PageRequest = { limit: number; after: string | null }

export type Page<T> = { rows: T[]; nextCursor: string | null }

/** Cuts the row too many that was asked for to learn whether another page follows. */
export function toPage<T extends { id: string }>(rows: readonly T[], page: PageRequest): Page<T> {
  const kept = rows.slice(0, page.limit)
  const last = kept.at(-1)
  return { rows: kept, nextCursor: rows.length > page.limit && last ? encodeCursor(last.id) : null }
}

/** Cursors are opaque to callers, so that their contents may change. */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
}

/** @throws Refusal invalid_cursor. */
export function decodeCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex')
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  if (!isId(id)) throw new Refusal('invalid_cursor')
  return id
}
