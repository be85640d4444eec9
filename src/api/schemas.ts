/** The pieces that many routes' schemas are made of, and the type of the application they are added to. */
import { type TSchema, Type } from 'typebox'
import { Refusal } from '../platform/errors.ts'
import { Nullable } from '../platform/http/schema-kinds.ts'
import {
  decodeCursor,
  type Page,
  type PageRequest,
  pageLimitDefault,
  pageLimitMax,
} from '../platform/pages.ts'

export type { Api } from '../platform/http/app.ts'
export { Nullable, OneOf, OneOfOrNull } from '../platform/http/schema-kinds.ts'

export const Id = Type.String({ format: 'uuid' })
export const Moment = Type.String({ format: 'date-time' })

/** A closed object: what it does not name is refused. */
export const closed = { additionalProperties: false } as const

export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: pageLimitMax,
      description: `Rows of a page; ${pageLimitDefault} if not given.`,
    }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 64, description: 'next_cursor of the page before.' })),
} as const

/** @throws Refusal invalid_cursor. */
export function pageRequest(query: { limit?: number; cursor?: string }): PageRequest {
  return {
    limit: query.limit ?? pageLimitDefault,
    after: query.cursor === undefined ? null : decodeCursor(query.cursor),
  }
}

/** The schema of a page of something. */
export function PageOf<T extends TSchema>(row: T) {
  return Type.Object({
    data: Type.Array(row),
    next_cursor: Nullable(Type.String(), 'Null on the last page.'),
  })
}

export function pageView<Row, View>(
  page: Page<Row>,
  view: (row: Row) => View,
): { data: View[]; next_cursor: string | null } {
  return { data: page.rows.map(view), next_cursor: page.nextCursor }
}

export function momentOrNull(at: Date | null): string | null {
  return at === null ? null : at.toISOString()
}

/**
 * A Moment of a request.
 * @param pointer where it stood, for the problem (RFC 6901).
 * @throws Refusal invalid_request for one that a Date cannot hold: a leap second is a date-time, too (RFC 3339 §5.7).
 */
export function readMoment(text: string, pointer: string): Date {
  const at = new Date(text)
  if (!Number.isNaN(at.getTime())) return at
  throw new Refusal('invalid_request', undefined, { fields: [{ pointer, detail: 'is no such moment' }] })
}

/** The same where it may be missing or null. */
export function readMomentOrNull(text: string | null | undefined, pointer: string): Date | null {
  return text === null || text === undefined ? null : readMoment(text, pointer)
}

/** For replies with a secret, which are nobody's to keep (RFC 9111 §5.2.2.5). */
export const noStore = { 'cache-control': 'no-store' } as const

/** For the reference: one of several forms. */
export function AnyOf(...schemas: TSchema[]): TSchema {
  return Type.Unsafe({ oneOf: schemas })
}
