/** Pages as `{ items, next_cursor, has_more }`; clients stop at `has_more: false`. */
import { type TSchema, Type } from 'typebox'
import { decodeCursor, type Page, type PageRequest } from '../../platform/pages.ts'

const limitDefault = 50

export const pageQuery = {
  cursor: Type.Optional(Type.String({ maxLength: 512 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: limitDefault })),
} as const

export function pageRequest({ cursor, limit }: { cursor?: string; limit?: number }): PageRequest {
  return { limit: limit ?? limitDefault, after: cursor === undefined ? null : decodeCursor(cursor) }
}

export function PageOf<T extends TSchema>(items: T) {
  return Type.Object({
    items: Type.Array(items),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    has_more: Type.Boolean(),
  })
}

export function pageView<Row, View>(
  { rows, nextCursor }: Page<Row>,
  view: (row: Row) => View,
): { items: View[]; next_cursor: string | null; has_more: boolean } {
  return { items: rows.map(view), next_cursor: nextCursor, has_more: nextCursor !== null }
}
