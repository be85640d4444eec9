/**
 * Query strings are text: numbers, truth values and lists of one become what their route's schema says, before it is
 * checked.
 */
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../errors.ts'

type Coerce = (text: string) => unknown

const coercions: Readonly<Record<string, Coerce>> = {
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : text),
  array: (text) => [text], // a list is a parameter that is repeated
}

/** Adds the conversion to every route of this scope that has a query schema. */
export function coerceQueries(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const names = coercionsOf(route.schema?.querystring)
    const { preValidation } = route
    route.preValidation = [
      ...(preValidation === undefined ? [] : [preValidation].flat()),
      (request, _reply, done) => {
        if (request.url.includes('%00'))
          return done(new Refusal('invalid_request', 'The address has a NUL character.'))
        request.query = coerced(request.query, names)
        done()
      },
    ]
  })
}

function coercionsOf(schema: unknown): ReadonlyMap<string, Coerce> {
  const properties = propertiesOf(schema)
  return new Map(
    Object.entries(properties).flatMap(([name, property]) => {
      const coerce = coercions[typeOf(property)]
      return coerce ? [[name, coerce] as const] : []
    }),
  )
}

function propertiesOf(schema: unknown): object {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return {}
  return schema.properties ?? {}
}

function typeOf(schema: unknown): string {
  return typeof schema === 'object' && schema !== null && 'type' in schema ? String(schema.type) : ''
}

function coerced(query: unknown, names: ReadonlyMap<string, Coerce>): unknown {
  if (names.size === 0 || typeof query !== 'object' || query === null) return query
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      const coerce = names.get(name)
      return [name, coerce && typeof value === 'string' ? coerce(value) : value]
    }),
  )
}
