/** The pieces of this API's schemas: envelopes, moments, names of things, and the errors that its routes document. */
import { type TSchema, Type } from 'typebox'
import { Nullable } from '../../platform/http/schema-kinds.ts'

/** What every good reply begins with. */
export const success = { success: Type.Literal(true) } as const

/** A read: what was asked for stands in `data`. */
export function DataOf<Data extends TSchema>(data: Data) {
  return Type.Object({ ...success, data })
}

export function dataOf<Data>(data: Data): { success: true; data: Data } {
  return { success: true, data }
}

/** ISO 8601 in UTC, with milliseconds. */
export const Moment = Type.String({ format: 'date-time' })

export const NameServer = Nullable(Type.String(), 'Null while QUEUED, and where the records are set by hand.')

/** An id in a path: what can be none is not found, like any other that there is not. */
export function idPath(prefix: string) {
  return Type.Object({ id: Type.String({ description: `\`${prefix}\` and a UUID.` }) })
}

const ErrorView = Type.Object({ success: Type.Literal(false), error: Type.String() }, { title: 'Error' })

/** The documented errors of a route, beside those that each may have. */
export function errors(...statuses: number[]): Record<number, TSchema> {
  return Object.fromEntries([401, 403, 429, ...statuses].map((status) => [status, ErrorView]))
}
