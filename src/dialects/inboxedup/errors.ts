/** This API's errors: an envelope with one sentence for a person. One table says what each of our refusals is here. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errorCatalogue, type Refusal } from '../../platform/errors.ts'
import { type ErrorTable, rowOf } from '../dialect.ts'
import type { Fault } from '../faults.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body names the domain: one that is not the caller's is forbidden then, and not an unknown path. */
    namesDomain?: boolean
  }
}

export type ErrorBody = { success: false; error: string }

type Row = {
  status: number | ((refusal: Refusal, request: FastifyRequest) => number)
  /** Instead of the refusal's own sentence. */
  text?: string
}

/** Answers what was refused or went wrong. @returns the body. */
export function answer({ refusal }: Fault, request: FastifyRequest, reply: FastifyReply): ErrorBody {
  const { status, text } = rowOf(errorTable, refusal.code)
  const code = typeof status === 'number' ? status : status(refusal, request)
  void reply.code(code)
  return { success: false, error: code === 404 ? 'Not found' : (text ?? refusal.detail) }
}

const malformed: Row = { status: 400 }
const ruled: Row = { status: 422 }
const denied: Row = { status: 403 }
const missing: Row = { status: 404 }

/** A row for each refusal that a call of this API can meet (errors.test.ts). */
export const errorTable: ErrorTable<Row> = {
  invalid_request: malformed,
  invalid_json: malformed,
  unsupported_media_type: malformed,
  payload_too_large: malformed,
  domain_invalid: malformed,
  address_invalid: malformed,
  mailbox_details_invalid: malformed,
  unauthenticated: { status: 401, text: 'Unauthorized' },
  forbidden: denied,
  workspace_not_found: denied,
  insufficient_funds: denied,
  wallet_locked: denied,
  item_not_priced: denied,
  // What a workspace may have of a type is its allocation; what a domain may have is a rule.
  mailbox_limit_reached: { status: ({ quota }) => (quota?.per === 'workspace' ? 403 : 422) },
  domain_not_found: {
    status: (_refusal, request) => (request.routeOptions.config.namesDomain === true ? 403 : 404),
  },
  batch_not_found: missing,
  mailbox_request_not_found: missing,
  subscription_not_found: missing,
  route_not_found: missing,
  address_repeated: ruled,
  address_taken: ruled,
  domain_taken: ruled,
  domain_limit_reached: ruled,
  domain_not_usable: ruled,
  domain_not_empty: ruled,
  domain_state_conflict: ruled,
  service_unavailable: ruled,
  password_too_weak: ruled,
  nameservers_unavailable: ruled,
  rate_limited: { status: 429 },
  shutting_down: { status: 503 },
  not_ready: { status: 503 },
  internal: { status: 500, text: errorCatalogue.internal.title },
}
