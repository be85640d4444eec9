/**
 * This API's errors: `{ "detail": ... }`, where the detail is a sentence, an object with a code that clients branch on, or
 * for a field that is wrong a list as FastAPI makes it. One table says what each of our refusals is here.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorCatalogue } from '../../platform/errors.ts'
import type { Fault, Violation } from '../faults.ts'

type Row = {
  status?: number
  /** What clients branch on. */
  error?: string
  /** In place of our own sentence. */
  detail?: string
}

const planLimit: Row = { status: 402, detail: 'Plan limit reached' }
const unavailable: Row = { status: 503 }

/** Where it is not what our own status and sentence say. */
const rows: Partial<Record<ErrorCode, Row>> = {
  unauthenticated: { detail: 'Invalid API key' },
  route_not_found: { detail: 'Not Found' },
  method_not_allowed: { detail: 'Method Not Allowed' },
  unsupported_media_type: { status: 422 },
  payload_too_large: { status: 422 },
  internal: { detail: 'Internal Server Error' },
  idempotency_key_reused: { error: 'idempotency_key_reused' },
  idempotency_key_in_use: { error: 'idempotency_in_progress' },
  insufficient_funds: planLimit,
  wallet_locked: planLimit,
  item_not_priced: planLimit,
  slots_in_use: planLimit,
  mailbox_unpaid: planLimit,
  mailbox_limit_reached: planLimit,
  domain_limit_reached: planLimit,
  quota_exceeded: { status: 402, error: 'storage_limit_exceeded' },
  identity_exists: { detail: 'Mailbox belongs to an agent identity already' },
  identity_has_mailbox: { detail: 'Agent identity already has a mailbox' },
  handle_taken: { error: 'agent_handle_unavailable' },
  agent_signup_off: { error: 'feature_not_enabled' },
  agent_unclaimed: { error: 'agent_unclaimed' },
  domain_not_usable: { error: 'default_domain_unavailable' },
  edit_conflict: { error: 'draft_generation_conflict' },
  draft_not_editable: { error: 'draft_send_in_progress' },
  import_unreadable: { status: 400, error: 'mail_import_invalid_request' },
  import_quota_reached: { error: 'mail_import_quota_exceeded' },
  import_not_found: { detail: 'Mail import not found' },
  import_limit_reached: { error: 'mail_import_already_in_flight' },
  recipient_blocked: { error: 'recipient_blocked' },
  sender_list_entry_exists: { detail: 'Rule exists.' },
  sender_list_entry_not_found: { detail: 'Contact rule not found' },
  sending_paused: { status: 403 },
  service_failed: unavailable,
  dns_host_failed: unavailable,
}

/** What a status of ours is here: what FastAPI refuses about a request is 422, and there are no preconditions. */
const statuses: Readonly<Record<number, number>> = { 400: 422, 412: 409, 416: 422, 426: 422, 502: 503 }

export type ErrorBody = { detail: string | Record<string, unknown> | ValidationItem[] }

type ValidationItem = { type: string; loc: string[]; msg: string }

/** Answers what was refused or went wrong. @returns the body. */
export function answer(fault: Fault, _request: FastifyRequest, reply: FastifyReply): ErrorBody {
  void reply.code(statusOf(fault.refusal.code))
  return { detail: detailOf(fault) }
}

function statusOf(code: ErrorCode): number {
  const own = errorCatalogue[code].status
  return rows[code]?.status ?? statuses[own] ?? own
}

function detailOf({ refusal, violation }: Fault): ErrorBody['detail'] {
  if (violation !== null) return [validationItem(violation)]
  // A list is what clients expect of 422 alone.
  if (refusal.fields.length > 0 && statusOf(refusal.code) === 422) {
    return refusal.fields.map(({ pointer, detail }) => ({
      type: detail === extraForbidden ? 'extra_forbidden' : 'value_error',
      loc: ['body', ...pointer.split('/').slice(1)],
      msg: detail,
    }))
  }
  const { error, detail = refusal.detail } = rows[refusal.code] ?? {}
  if (error === undefined && Object.keys(refusal.facts).length === 0) return detail
  // Some clients look for the code in `error`, some in `code`.
  return { ...(error === undefined ? {} : { error, code: error }), message: detail, ...refusal.facts }
}

/** Of a field that a request may not have. */
export const extraForbidden = 'Extra inputs are not permitted'

/** The types of errors that Pydantic names, for those that clients show. */
const types: Readonly<Record<string, string>> = {
  required: 'missing',
  additionalProperties: 'extra_forbidden',
  enum: 'enum',
  pattern: 'string_pattern_mismatch',
  minLength: 'string_too_short',
  maxLength: 'string_too_long',
  minItems: 'too_short',
  maxItems: 'too_long',
  minimum: 'greater_than_equal',
  maximum: 'less_than_equal',
}

const parts = { body: 'body', querystring: 'query', params: 'path', headers: 'header' } as const

function validationItem({ part, path, keyword, detail }: Violation): ValidationItem {
  return {
    type: types[keyword] ?? 'value_error',
    loc: [parts[part], ...path],
    msg: keyword === 'additionalProperties' ? extraForbidden : detail,
  }
}
