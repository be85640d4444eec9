/**
 * Schemas become code when a route is first called, and not all at the start: of some hundred routes many nodes call few, and
 * making code of them all takes longer than everything else of a start.
 */
import ajvCompiler from '@fastify/ajv-compiler'
import serializerSelector from '@fastify/fast-json-stringify-compiler'
import type { FastifyValidationResult } from 'fastify/types/schema.js'
import type { TSchema } from 'typebox'
import type { Api } from './app.ts'

/** What is sent is taken as it is, or refused. */
const validation = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  allErrors: false,
} as const

/**
 * Gives the routes of this scope the compilers that Fastify has by itself, each called once, when it is needed.
 * @param shared schemas that others refer to, by their $id.
 */
export function compileWhenCalled(app: Api, shared: Readonly<Record<string, TSchema>>): void {
  const validators = once(() => ajvCompiler()({ ...shared }, { customOptions: validation }))
  const serializers = once(() => serializerSelector()({ ...shared }, {}))
  app.setValidatorCompiler((route) => {
    const made = once(() => validators()(route))
    const validate: FastifyValidationResult = (data: unknown) => {
      const check = made()
      const isValid = check(data) === true
      validate.errors = check.errors ?? null // where Fastify looks for them
      return isValid
    }
    return validate
  })
  app.setSerializerCompiler((route) => {
    const { httpStatus = '', ...rest } = route
    const made = once(() => serializers()({ ...rest, httpStatus }))
    return (document: unknown) => made()(document)
  })
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
