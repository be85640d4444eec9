/** The pieces of this API's schemas: the envelope, pages, moments, and the errors that its routes document. */
import { type Static, type TSchema, Type } from 'typebox'
import type { Numbered, NumberedPage } from '../../platform/numbered-pages.ts'

/** A good reply: what was asked for stands in `data`. */
export function DataOf<Data extends TSchema>(data: Data) {
  return Type.Object({ status: Type.Literal(200), message: Type.String(), data })
}

export function dataOf<Data>(message: string, data: Data): { status: 200; message: string; data: Data } {
  return { status: 200 as const, message, data }
}

/** A good reply that tells no more than that. */
export const DoneView = Type.Object(
  { status: Type.Literal(200), message: Type.String(), data: Type.Null() },
  { title: 'Done' },
)

export function done(message: string): Static<typeof DoneView> {
  return { status: 200, message, data: null }
}

/** Of replies with secrets. */
export const noStore = { 'cache-control': 'no-store' } as const

/** How many rows of a list come at once at most. */
export const pageSizeMax = 1000
export const PageNumber = Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'A number, as text.' })

/** In the query of a list. */
export const pageInput = { page: Type.Optional(PageNumber), limit: Type.Optional(PageNumber) } as const

/** @param size of a page where none is asked for. */
export function pageOf({ page, limit }: { page?: string; limit?: string }, size = 10): NumberedPage {
  return { number: Number(page ?? 1), size: Math.min(Number(limit ?? size), pageSizeMax) }
}

export const pageOutput = {
  totalSearchedCount: Type.Integer(),
  currentPage: Type.Integer(),
  nextPage: Type.Integer({ description: 'The present one and one, also behind the last.' }),
  totalPages: Type.Integer(),
} as const

/** What stands beside the rows of a page. */
export function pageFields(
  { total }: Pick<Numbered<unknown>, 'total'>,
  { number, size }: NumberedPage,
): { totalSearchedCount: number; currentPage: number; nextPage: number; totalPages: number } {
  return {
    totalSearchedCount: total,
    currentPage: number,
    nextPage: number + 1,
    totalPages: Math.ceil(total / size),
  }
}

/** ISO 8601 in UTC, with milliseconds. */
export const Moment = Type.String({ format: 'date-time' })
/** One of our ids; what can be none is not there, like any other that there is not. */
export const Id = Type.String({ maxLength: 100, description: 'A UUID.' })
/** How many a call may name at once. */
export const idsMax = 1000
export const Ids = Type.Array(Id, { maxItems: idsMax })

const ErrorView = Type.Object(
  { status: Type.Integer(), message: Type.String(), data: Type.Null() },
  { title: 'Error' },
)

/** The documented errors of a route, beside those that each may have. */
export function errors(...statuses: number[]): Record<number, TSchema> {
  return Object.fromEntries([400, 401, 403, 429, ...statuses].map((status) => [status, ErrorView]))
}
