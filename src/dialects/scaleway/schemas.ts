/** The pieces of this API's schemas: pages, orders, and the errors that its routes document. */
import { type TProperties, type TSchema, Type } from 'typebox'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'

export const Id = Type.String({ format: 'uuid' })
export const Moment = Nullable(Type.String({ format: 'date-time' }))

const pageSizeDefault = 20
const pageNumberMax = 1_000_000

/** An id in a path: what can be none is not found, like any other that there is not. */
export const PathId = Type.String({ description: 'A UUID.' })

/** The parameters of a list. */
export function listQuery<Order extends string, More extends TProperties>(
  orders: readonly Order[],
  pageSizeMax: number,
  more: More,
) {
  const words = orders.flatMap((order) => [`${order}_desc` as const, `${order}_asc` as const])
  return Type.Object({
    order_by: Type.Optional(OneOf(words, 'Default: created_at_desc.')),
    page: Type.Optional(Type.Integer({ minimum: 1, maximum: pageNumberMax, description: 'From 1.' })),
    page_size: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageSizeMax, description: `Default: ${pageSizeDefault}.` }),
    ),
    project_id: Type.Optional(
      Type.String({ format: 'uuid', description: 'A workspace. Default: all that the key reaches.' }),
    ),
    ...more,
  })
}

export function pageOf({
  page = 1,
  page_size = pageSizeDefault,
}: {
  page?: number
  page_size?: number
}): NumberedPage {
  return { number: page, size: page_size }
}

/** What a list is ordered by: `name_desc` is by the name, from the last one. */
export function orderOf<Column>(
  word: string | undefined,
  columns: Readonly<Record<string, Column>>,
  fallback: Column,
): { by: Column; descending: boolean } {
  const [, name = '', direction = 'desc'] = /^(.+)_(asc|desc)$/.exec(word ?? '') ?? []
  return { by: columns[name] ?? fallback, descending: direction === 'desc' }
}

const ErrorView = Type.Object(
  { type: Type.String(), message: Type.String() },
  { additionalProperties: true, title: 'Error' },
)

/** The documented errors of a route, beside those that each may have. */
export function errors(...statuses: number[]): Record<number, TSchema> {
  return Object.fromEntries([401, 403, 429, ...statuses].map((status) => [status, ErrorView]))
}
