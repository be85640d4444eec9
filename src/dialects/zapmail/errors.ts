/** This API's errors: the status once more, and a sentence for a person. What cannot be done is 400, also what is not there. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorCatalogue, type Refusal } from '../../platform/errors.ts'
import { consentText } from '../consent-text.ts'
import type { Fault, Violation } from '../faults.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a body of another form is told with 422; elsewhere with 400. */
    tellsForms?: boolean
    /** Whether whatever else would be told with 400 is told with 422, too. */
    tellsWishes?: boolean
    /** The statuses beside these that the route's contract knows, such as 404 or 409. */
    tells?: readonly number[]
  }
}

export type ErrorBody = { status: number; message: string; data: null }

/** In this API's own words where its clients look at them. */
const texts: Readonly<Partial<Record<ErrorCode, string>>> = {
  unauthenticated: 'Unauthorized',
  insufficient_funds: 'Insufficient wallet balance',
  auto_top_up_consent_required: consentText,
  rate_limited: 'Too many requests',
  internal: 'Internal server error',
}

/** Answers what was refused or went wrong. @returns the body. */
export function answer(
  { refusal, violation }: Fault,
  request: FastifyRequest,
  reply: FastifyReply,
): ErrorBody {
  const status = statusFor(errorCatalogue[refusal.code].status, violation, request)
  void reply.code(status)
  return {
    status,
    message: violation ? sentenceOf(violation) : (texts[refusal.code] ?? detailOf(refusal)),
    data: null,
  }
}

function statusFor(wanted: number, violation: Violation | null, request: FastifyRequest): number {
  const { tells = [], tellsForms = false, tellsWishes = false } = request.routeOptions.config
  if (violation) return tellsForms && violation.part === 'body' ? 422 : 400
  if (request.is404) return 404
  return [401, 403, 429, 500, 503, ...tells].includes(wanted) ? wanted : tellsWishes ? 422 : 400
}

/** Names of places that one sentence may hold. */
const fieldsMax = 3

/** With what is wrong with each place of the request, where the refusal names some. */
function detailOf({ detail, fields }: Refusal): string {
  const named = fields.slice(0, fieldsMax).map(({ pointer, detail: what }) => {
    return `${pointer.split('/').slice(1).join('.')} ${what}`
  })
  return named.length === 0 ? detail : `${detail}: ${named.join('; ')}`
}

function sentenceOf({ path, keyword, detail }: Violation): string {
  const name = path.join('.') || 'body'
  return keyword === 'required' ? `${name} is required` : `${name} ${detail}`
}
