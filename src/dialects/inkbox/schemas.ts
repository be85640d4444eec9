/** Pieces of the schemas of this API. Unknown fields are let pass, and dropped, unless a route says otherwise. */
import { type Static, type TSchema, Type } from 'typebox'
import { Nullable } from '../../platform/http/schema-kinds.ts'

/** A list of types wherever there is one: a union of schemas serialises slower. */
export function orNull<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T> | null>(
    hasPlainType(schema) ? Nullable(schema) : Type.Union([schema, Type.Null()]),
  )
}

function hasPlainType(schema: TSchema): schema is TSchema & { type: string } {
  return 'type' in schema && typeof schema.type === 'string' && !('enum' in schema) && !('const' in schema)
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
