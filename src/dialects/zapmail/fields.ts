/** Texts that calls bring: one line each, no control characters, each with a bound. */
import { Type } from 'typebox'

export const line = (maxLength: number, minLength = 1) =>
  Type.String({ minLength, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

export const emailInput = Type.String({ minLength: 3, maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' })

/** In queries. Empty text is no filter. */
export const containsInput = Type.Optional(Type.String({ maxLength: 200, pattern: '^[^\\u0000]*$' }))
