/** The pieces of this API's schemas: envelopes, pages, moments, and the errors that its routes document. */
import { type Static, type TProperties, type TSchema, Type } from 'typebox'
import type { Numbered, NumberedPage } from '../../platform/numbered-pages.ts'

/** This API refuses what it does not know in a body. */
export const closed = { additionalProperties: false } as const

/** What every good reply begins with. */
export const success = { error: Type.Literal(false), message: Type.String() } as const

/** A good reply, with what it is about beside the envelope. */
export function Ok<Payload extends TProperties>(payload: Payload) {
  return Type.Object({ ...success, ...payload })
}

export function ok<Payload extends object>(
  message: string,
  payload: Payload,
): { error: false; message: string } & Payload {
  return { error: false as const, message, ...payload }
}

/** A good reply that tells no more than that. */
export const DoneView = Type.Object(success, { title: 'Done' })

export function done(message = 'Done'): Static<typeof DoneView> {
  return { error: false, message }
}

/** How many rows of a list come at once at most. */
export const pageSizeMax = 1000

/** Of a list that counts pages: in the body of a POST, in the query of a GET. */
export const pageInput = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'From 1. Default: 1.' })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: `Default: 10. Above ${pageSizeMax} it is that.`,
    }),
  ),
} as const

/** @param size of a page where none is asked for. */
export function pageOf({ page, limit }: { page?: number; limit?: number }, size = 10): NumberedPage {
  return { number: page ?? 1, size: Math.min(limit ?? size, pageSizeMax) }
}

/** Of a list that skips rows instead. */
export const offsetInput = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: `Default: 50. Above ${pageSizeMax} it is that.`,
    }),
  ),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: 'Default: 0.' })),
} as const

export function offsetOf({ limit = 50, offset = 0 }: { limit?: number; offset?: number }): {
  limit: number
  offset: number
} {
  return { limit: Math.min(limit, pageSizeMax), offset }
}

export const pageOutput = {
  total: Type.Integer(),
  pages: Type.Integer(),
  current_page: Type.Integer(),
  limit: Type.Integer(),
} as const

/** What stands beside the rows of a page. */
export function pageFields(
  { total }: Pick<Numbered<unknown>, 'total'>,
  { number, size }: NumberedPage,
): { total: number; pages: number; current_page: number; limit: number } {
  return { total, pages: Math.ceil(total / size), current_page: number, limit: size }
}

/** ISO 8601 in UTC, with milliseconds. */
export const Moment = Type.String({ format: 'date-time' })
/** One of our ids; what can be none is not found, like any other that there is not. */
export const Uid = Type.String({ maxLength: 100, description: 'A UUID.' })

/** How many a call may name at once. */
export const uidsMax = 1000
export const Uids = Type.Array(Uid, { maxItems: uidsMax })

const ErrorView = Type.Object({ error: Type.Literal(true), message: Type.String() }, { title: 'Error' })
const GatewayErrorView = Type.Object(
  { code: Type.Integer(), message: Type.String() },
  { title: 'GatewayError' },
)

/** The documented errors of a route, beside those that each may have. */
export function errors(...statuses: number[]): Record<number, TSchema> {
  return {
    ...Object.fromEntries([403, 404, 429, ...statuses].map((status) => [status, ErrorView])),
    401: GatewayErrorView,
  }
}
