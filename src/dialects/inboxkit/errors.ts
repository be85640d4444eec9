/**
 * This API's errors: `error` is true, and a sentence for a person. What its vendor's gateway answers, an unknown path or a
 * bad key, has a code in its place. The status is that of our own refusal, as far as the route's contract knows it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorCatalogue, type Refusal } from '../../platform/errors.ts'
import { consentText } from '../consent-text.ts'
import type { Fault, Violation } from '../faults.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether what there is already is told with 409; elsewhere it is a refusal like others, with 400. */
    tellsConflicts?: boolean
    /** Whether a wallet that is short is told with 402, or in which words; elsewhere with 400. */
    takesMoney?: boolean | string
  }
}

export type ErrorBody = { error: true; message: string } | { code: number; message: string }

/** In this API's own words where its clients look at them. */
const texts: Readonly<Partial<Record<ErrorCode, string>>> = {
  domain_not_found: 'Domain not found',
  mailbox_not_found: 'Mailbox not found',
  workspace_not_found: 'Workspace not found',
  insufficient_funds: 'Insufficient wallet balance',
  auto_top_up_consent_required: consentText,
  rate_limited: 'Too many requests',
  internal: 'Internal server error',
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  insufficient_funds: 402,
  wallet_locked: 402,
}

/** Answers what was refused or went wrong. @returns the body. */
export function answer(
  { refusal, violation }: Fault,
  request: FastifyRequest,
  reply: FastifyReply,
): ErrorBody {
  if (refusal.code === 'unauthenticated') return gateway(reply, 401, 'jwt malformed')
  if (refusal.code === 'route_not_found') return gateway(reply, 404, 'Not found')
  const wanted = statuses[refusal.code] ?? errorCatalogue[refusal.code].status
  void reply.code(statusFor(wanted, request))
  return { error: true, message: violation ? sentenceOf(violation) : textOf(refusal, request) }
}

function textOf({ code, detail }: Refusal, { routeOptions: { config } }: FastifyRequest): string {
  if (code === 'insufficient_funds' && typeof config.takesMoney === 'string') return config.takesMoney
  return texts[code] ?? detail
}

function gateway(reply: FastifyReply, code: number, message: string): ErrorBody {
  void reply.code(code)
  return { code, message }
}

function statusFor(wanted: number, { routeOptions: { config } }: FastifyRequest): number {
  if (wanted === 402) return config.takesMoney ? 402 : 400
  if (wanted === 409) return config.tellsConflicts === true ? 409 : 400
  return [401, 403, 404, 429, 500, 503].includes(wanted) ? wanted : 400
}

function sentenceOf({ path, keyword, detail }: Violation): string {
  const name = path.join('.') || 'body'
  return keyword === 'required' ? `${name} is required` : `${name} ${detail}`
}
