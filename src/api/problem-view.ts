/** Problems (RFC 9457): how an error of the catalogue looks on the wire, and how a route documents its own. */
import { STATUS_CODES } from 'node:http'
import { type Static, type TSchema, Type } from 'typebox'
import { type ErrorCode, errorCatalogue, type Refusal } from '../platform/errors.ts'

export const problemMediaType = 'application/problem+json'

/** Where in the request something is wrong: one of the first three says it. */
export type FieldError = { pointer?: string; parameter?: string; header?: string; detail: string }

export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  errors?: FieldError[]
  instance?: string
}

const FieldErrorView = Type.Object({
  pointer: Type.Optional(Type.String({ description: 'JSON Pointer (RFC 6901) into the body.' })),
  parameter: Type.Optional(Type.String({ description: 'Name of a query parameter.' })),
  header: Type.Optional(Type.String({ description: 'Name of a header.' })),
  detail: Type.String(),
})

export const ProblemView = Type.Object(
  {
    type: Type.String({ description: 'Address of the page that explains the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Never changes: program against this.' }),
    errors: Type.Optional(Type.Array(FieldErrorView)),
    instance: Type.Optional(
      Type.String({ description: 'Id of this request; the same as the header X-Request-Id.' }),
    ),
  },
  {
    $id: 'Problem',
    title: 'Problem',
    description: 'RFC 9457 problem details; pages of errors name members that some have besides.',
  },
)

/** The same by reference: it stands in nearly every route's documentation. */
export const ProblemRef = Type.Unsafe<Static<typeof ProblemView>>({ $ref: 'Problem#' })

/** A problem without a request around it, as in the results of a batch. */
export function problemOf(code: ErrorCode, detail: string, errors: readonly FieldError[] = []): Problem {
  const { status, title } = errorCatalogue[code]
  const problem: Problem = { type: problemType(code), title, status, detail, code }
  return errors.length === 0 ? problem : { ...problem, errors: [...errors] }
}

/** The problem that answers a request; what the refusal knows besides are members of their own (RFC 9457 §3.2). */
export function problemOfRefusal(refusal: Refusal, requestId: string): Problem {
  const problem = problemOf(refusal.code, refusal.detail, refusal.fields)
  return { ...refusal.facts, ...problem, instance: `urn:uuid:${requestId}` }
}

/** A URI reference: it resolves against whatever host the client used. */
function problemType(code: ErrorCode): string {
  return `/docs/errors/${code}`
}

/** What any request with a key may be refused with. */
const commonCodes = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'workspace_not_found',
  'rate_limited',
  'internal',
  'shutting_down',
] as const satisfies readonly ErrorCode[]

const bodyCodes = [
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type',
] as const satisfies readonly ErrorCode[]

const idempotencyCodes = [
  'idempotency_key_invalid',
  'idempotency_key_reused',
  'idempotency_key_in_use',
] as const satisfies readonly ErrorCode[]

/** The documented problems of a route that reads. */
export function readProblems(...codes: ErrorCode[]): Record<number, TSchema> {
  return problems(...commonCodes, ...codes)
}

/** The documented problems of a PATCH or DELETE. */
export function writeProblems(...codes: ErrorCode[]): Record<number, TSchema> {
  return problems(...commonCodes, ...bodyCodes, ...codes)
}

/** The documented problems of a POST. */
export function postProblems(...codes: ErrorCode[]): Record<number, TSchema> {
  return problems(...commonCodes, ...bodyCodes, ...idempotencyCodes, ...codes)
}

/** Exactly these codes, one documented reply for each of their statuses. */
export function problems(...codes: ErrorCode[]): Record<number, TSchema> {
  const byStatus = Map.groupBy(new Set(codes), (code) => errorCatalogue[code].status)
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, problemReply(status, list)]))
}

function problemReply(status: number, codes: readonly ErrorCode[]): TSchema {
  const lines = codes.map((code) => `- [\`${code}\`](${problemType(code)}): ${errorCatalogue[code].title}`)
  return Type.Unsafe({
    description: `${STATUS_CODES[status] ?? status}\n\n${lines.join('\n')}`,
    content: { [problemMediaType]: { schema: ProblemRef } },
  })
}
