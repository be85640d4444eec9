/**
 * This API's errors: an object with `type` and `message`, and what its clients need besides to make a typed error of it.
 * One table says what each of our refusals is here.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ItemRefusal } from '../../mailboxes/provision-all.ts'
import { type ErrorCode, errorCatalogue, Refusal } from '../../platform/errors.ts'
import { callerOf, headerOf } from '../callers.ts'
import { type ErrorTable, rowOf } from '../dialect.ts'
import type { Fault, Violation } from '../faults.ts'
import { keyHeader, rateWindowSeconds, sessionHeader } from './caller.ts'

export type Resource = 'domain' | 'mailbox' | 'alias'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a call of the route makes, reads or changes. */
    resource?: Resource
  }
}

/** A refusal because of the state of an object. */
class InState extends Refusal {
  readonly currentState: string

  constructor(refusal: Refusal, currentState: string) {
    super(refusal.code, refusal.detail, { cause: refusal })
    this.currentState = currentState
  }
}

/** A refusal because the call is not possible as the object is, which will not pass by itself. */
class Precondition extends Refusal {}

const stateConflicts: readonly ErrorCode[] = ['domain_state_conflict', 'mailbox_state_conflict']

/** Runs `work` on an object in this state. @throws InState where that is in the way; whatever else `work` does. */
export async function inState<T>(state: string, work: () => Promise<T>): Promise<T> {
  return await rethrowing(work, (refusal) =>
    stateConflicts.includes(refusal.code) ? new InState(refusal, state) : refusal,
  )
}

/** Runs `work`, whose refusals of these codes are broken preconditions. */
export async function asPreconditions<T>(codes: readonly ErrorCode[], work: () => Promise<T>): Promise<T> {
  return await rethrowing(work, (refusal) =>
    codes.includes(refusal.code)
      ? new Precondition(refusal.code, refusal.detail, { cause: refusal })
      : refusal,
  )
}

async function rethrowing<T>(work: () => Promise<T>, become: (refusal: Refusal) => Refusal): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Refusal ? become(error) : error
  }
}

export type ErrorBody = { type: string; message: string } & Record<string, unknown>

type Row = (fault: Fault, request: FastifyRequest) => { status: number; body: ErrorBody }

/** Answers what was refused or went wrong. @returns the body. */
export function answer(fault: Fault, request: FastifyRequest, reply: FastifyReply): ErrorBody {
  const row =
    fault.refusal instanceof Precondition ? preconditionFailed : rowOf(errorTable, fault.refusal.code)
  const { status, body } = row(fault, request)
  void reply.code(status).header('x-request-id', request.id)
  return body
}

type Reason = 'unknown' | 'required' | 'format' | 'constraint'

/** By the keyword of JSON Schema that is broken; what is not here is a constraint. */
const reasons: Readonly<Record<string, Reason>> = {
  required: 'required',
  type: 'format',
  format: 'format',
  pattern: 'format',
}

/** @param argument what is wrong where no schema says it. */
function invalidArguments(argument: string | ((request: FastifyRequest) => string), reason: Reason): Row {
  return ({ refusal, violation }, request) => {
    const name = typeof argument === 'string' ? argument : argument(request)
    const wrong = violation
      ? { argument_name: nameOf(violation), reason: reasons[violation.keyword] ?? 'constraint' }
      : { argument_name: name, reason }
    const details = [{ ...wrong, help_message: refusal.detail }]
    return { status: 400, body: { details, message: 'invalid argument(s)', type: 'invalid_arguments' } }
  }
}

/** The field's own name, wherever it stands. */
function nameOf({ path, part }: Violation): string {
  return path.findLast((step) => !/^\d+$/.test(step)) ?? part
}

function passwordName({ method }: FastifyRequest): string {
  return method === 'PATCH' ? 'new_password' : 'password'
}

/** What names the domain that does not do. */
function domainField(request: FastifyRequest): string {
  return resourceOf(request) === 'alias' ? 'mailbox_id' : 'domain_id'
}

function deniedAuthentication(_fault: Fault, request: FastifyRequest): ReturnType<Row> {
  const [key, session] = [headerOf(request, keyHeader), headerOf(request, sessionHeader)]
  const method = key === undefined && session !== undefined ? 'jwt' : 'api_key'
  const reason = /^[\x21-\x7e]+$/.test(key ?? session ?? '') ? 'not_found' : 'invalid_argument'
  return {
    status: 401,
    body: { message: 'authentication is denied', method, reason, type: 'denied_authentication' },
  }
}

function permissionsDenied(_fault: Fault, request: FastifyRequest): ReturnType<Row> {
  const action = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write'
  const details = [{ action, resource: resourceOf(request) }]
  return { status: 403, body: { details, message: 'insufficient permissions', type: 'permissions_denied' } }
}

function quotasExceeded({ refusal }: Fault, request: FastifyRequest): ReturnType<Row> {
  const { max, used } = refusal.quota ?? { max: 0, used: 0 }
  const project_id = callerOf(request).scope.workspaceId
  const details = [{ current: used, project_id, quota: max, resource: resourceOf(request) }]
  const message = 'quota(s) exceeded for this resource'
  return { status: 403, body: { details, message, type: 'quotas_exceeded' } }
}

function notFound(resource: Resource): Row {
  return (_fault, request) => {
    const resource_id =
      textIn(request.params, `${resource}_id`) ?? textIn(request.body, `${resource}_id`) ?? ''
    return {
      status: 404,
      body: { message: 'resource is not found', resource, resource_id, type: 'not_found' },
    }
  }
}

/** What was asked for stands for the id: whose it is may be nobody's business. */
function alreadyExists({ refusal }: Fault, request: FastifyRequest): ReturnType<Row> {
  const item = refusal instanceof ItemRefusal ? itemAt(request.body, refusal.index) : request.body
  return {
    status: 409,
    body: {
      help_message: refusal.detail,
      message: 'resource already exists',
      resource: resourceOf(request),
      resource_id: textIn(item, 'name') ?? textIn(item, 'local_part') ?? '',
      type: 'already_exists',
    },
  }
}

function transientState({ refusal }: Fault, request: FastifyRequest): ReturnType<Row> {
  const resource = resourceOf(request)
  return {
    status: 409,
    body: {
      current_state: refusal instanceof InState ? refusal.currentState : 'unknown_status',
      message: 'resource is in a transient state',
      resource,
      resource_id: textIn(request.params, `${resource}_id`) ?? '',
      type: 'transient_state',
    },
  }
}

function preconditionFailed({ refusal }: Fault): ReturnType<Row> {
  const precondition = refusal.code === 'domain_not_empty' ? 'resource_still_in_use' : 'resource_not_usable'
  const message = 'precondition is not respected'
  return {
    status: 412,
    body: { help_message: refusal.detail, message, precondition, type: 'precondition_failed' },
  }
}

function locked(_fault: Fault, request: FastifyRequest): ReturnType<Row> {
  const resource = resourceOf(request)
  const resource_id = textIn(request.params, `${resource}_id`) ?? ''
  return { status: 423, body: { message: 'resource is locked', resource, resource_id, type: 'locked' } }
}

function tooManyRequests({ refusal: { detail, quota, retryAfterSeconds } }: Fault): ReturnType<Row> {
  return {
    status: 429,
    body: {
      help_message: detail,
      ...(quota ? { limit: { quota: quota.max, window_seconds: rateWindowSeconds } } : {}),
      message: 'too many requests',
      reset_seconds: retryAfterSeconds ?? rateWindowSeconds,
      type: 'too_many_requests',
    },
  }
}

function plain(type: string): Row {
  return ({ refusal: { code, detail } }) => ({
    status: errorCatalogue[code].status,
    body: { message: code === 'internal' ? errorCatalogue.internal.title : detail, type },
  })
}

function routeNotFound(_fault: Fault, request: FastifyRequest): ReturnType<Row> {
  const [resource_id = ''] = request.url.split('?')
  return {
    status: 404,
    body: { message: 'resource is not found', resource: 'route', resource_id, type: 'not_found' },
  }
}

/** A row for each refusal that a call of this API can meet (errors.test.ts). */
export const errorTable: ErrorTable<Row> = {
  invalid_request: invalidArguments('body', 'unknown'),
  invalid_json: invalidArguments('body', 'format'),
  unsupported_media_type: invalidArguments('content_type', 'constraint'),
  payload_too_large: invalidArguments('body', 'constraint'),
  domain_invalid: invalidArguments('name', 'format'),
  address_invalid: invalidArguments('local_part', 'format'),
  address_repeated: invalidArguments('local_part', 'constraint'),
  mailbox_details_invalid: invalidArguments('local_part', 'constraint'),
  password_too_weak: invalidArguments(passwordName, 'constraint'),
  domain_not_usable: invalidArguments(domainField, 'constraint'),
  service_unavailable: invalidArguments(domainField, 'constraint'),
  item_not_priced: invalidArguments('subscription_period', 'constraint'),
  unauthenticated: deniedAuthentication,
  forbidden: permissionsDenied,
  workspace_not_found: permissionsDenied,
  mailbox_limit_reached: quotasExceeded,
  domain_limit_reached: quotasExceeded,
  address_limit_reached: quotasExceeded,
  domain_not_found: notFound('domain'),
  mailbox_not_found: notFound('mailbox'),
  address_not_found: notFound('alias'),
  route_not_found: routeNotFound,
  domain_taken: alreadyExists,
  address_taken: alreadyExists,
  domain_state_conflict: transientState,
  mailbox_state_conflict: transientState,
  domain_not_empty: preconditionFailed,
  insufficient_funds: locked,
  wallet_locked: locked,
  rate_limited: tooManyRequests,
  shutting_down: plain('unavailable'),
  internal: plain('internal_error'),
}

function resourceOf(request: FastifyRequest): Resource {
  return request.routeOptions.config.resource ?? 'domain'
}

function itemAt(body: unknown, index: number): unknown {
  const items = typeof body === 'object' && body !== null && 'mailboxes' in body ? body.mailboxes : null
  return Array.isArray(items) ? items[index] : undefined
}

function textIn(part: unknown, name: string): string | undefined {
  const value: unknown = typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined
  return typeof value === 'string' ? value : undefined
}
