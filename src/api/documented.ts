/**
 * What the reference says of a route beyond the schemas that Fastify validates and serialises by: headers that a
 * hook reads, and bodies and replies that are one of several forms.
 */
import { type TSchema, Type } from 'typebox'

declare module 'fastify' {
  interface FastifyContextConfig {
    documented?: Documented
  }
}

export type Documented = {
  headers?: TSchema
  body?: TSchema
  replies?: Readonly<Record<number, TSchema>>
}

const callerHeaders = {
  'Mailwright-Workspace': Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'The workspace that the call is about. Default: the key’s own.',
    }),
  ),
} as const

const CallerHeaders = Type.Object(callerHeaders)

const PostHeaders = Type.Object({
  ...callerHeaders,
  'Idempotency-Key': Type.Optional(
    Type.String({
      maxLength: 255,
      description: 'Text of your own. The same call with it again gets the first reply again, for 72 hours.',
    }),
  ),
})

export const EditHeaders = Type.Object({
  ...callerHeaders,
  'If-Match': Type.Optional(
    Type.String({
      description: 'The ETag you last saw. The call is refused with 412 if there is a newer one.',
    }),
  ),
})

/** The documented headers of a route that asks for a caller. */
export function headersOf(methods: string | readonly string[], documented: Documented | undefined): TSchema {
  return documented?.headers ?? ([methods].flat().includes('POST') ? PostHeaders : CallerHeaders)
}
