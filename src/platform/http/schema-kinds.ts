/** Kinds of schema that TypeBox has not, or that serialise slower as it makes them. */
import { type Static, type TSchema, Type } from 'typebox'

/** A value or null. As a list of types, which serialises faster than a union of schemas. */
export function Nullable<T extends TSchema & { type: string }>(schema: T, description?: string) {
  const { type, ...rest } = schema
  return Type.Unsafe<Static<T> | null>({
    ...rest,
    type: [type, 'null'],
    ...(description ? { description } : {}),
  })
}

/** One of these texts. */
export function OneOf<const T extends readonly string[]>(values: T, description?: string) {
  return Type.Unsafe<T[number]>({
    type: 'string',
    enum: [...values],
    ...(description ? { description } : {}),
  })
}

/** One of these texts, or null. */
export function OneOfOrNull<const T extends readonly string[]>(values: T, description: string) {
  return Type.Unsafe<T[number] | null>({ type: ['string', 'null'], enum: [...values, null], description })
}
