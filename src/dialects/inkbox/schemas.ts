/** Pieces of the schemas of this API. Unknown fields are let pass, and dropped, unless a route says otherwise. */
import { type TSchema, Type } from 'typebox'

export function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export const Uuid = Type.String({ format: 'uuid' })
/** ISO 8601 in UTC, with milliseconds. */
export const Moment = Type.String({ format: 'date-time' })

export function momentOrNull(moment: Date | null): string | null {
  return moment?.toISOString() ?? null
}

const ErrorView = Type.Object(
  {
    detail: Type.Union([
      Type.String(),
      Type.Object({}, { additionalProperties: true }),
      Type.Array(Type.Object({ type: Type.String(), loc: Type.Array(Type.String()), msg: Type.String() })),
    ]),
  },
  { title: 'Error' },
)

/** The errors of a route in its document. 401, 403 and 429 may come from every route that asks for a caller. */
export function errors(...statuses: readonly number[]): Record<number, typeof ErrorView> {
  return Object.fromEntries([401, 403, ...statuses, 429].map((status) => [status, ErrorView]))
}
