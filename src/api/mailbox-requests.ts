/** /v1/mailbox-requests: mailboxes that people, or another system, make later. */

import { type Static, Type } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import type { MailboxState } from '../mailboxes/lifecycle.ts'
import type { NewMailbox } from '../mailboxes/new-mailbox.ts'
import { batchItemsMax } from '../mailboxes/provision.ts'
import { type RequestState, requestStates } from '../mailboxes/request-lifecycle.ts'
import { changeRequest, type RequestChanges } from '../mailboxes/request-moves.ts'
import { createRequests, getRequest, listRequests, type MailboxRequest } from '../mailboxes/requests.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mailboxServices, NewMailboxItem, toNewMailbox } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { ProblemRef, postProblems, problemOf, readProblems, writeProblems } from './problem-view.ts'
import { scheduledMailboxRoutes } from './scheduled-mailboxes.ts'
import {
  AnyOf,
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const RequestView = Type.Object(
  {
    id: Id,
    workspace_id: Id,
    domain_id: Id,
    batch_id: Id,
    mailbox_id: Id,
    address: Type.String(),
    service: OneOf(mailboxServices),
    state: OneOf(requestStates),
    note: Nullable(Type.String(), 'What was last said of it.'),
    created_at: Moment,
    updated_at: Moment,
    state_changed_at: Moment,
  },
  { title: 'MailboxRequest' },
)

const Note = Nullable(
  Type.String({ maxLength: apiLimits.requestNoteLengthMax }),
  'Shown to whoever reads the request.',
)
const PreviewOnly = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

const RequestsBody = Type.Object(
  {
    mailboxes: Type.Array(NewMailboxItem, { minItems: 1, maxItems: batchItemsMax }),
    service: Type.Optional(OneOf(mailboxServices, 'Of the mailboxes that name none. Default: local.')),
    note: Type.Optional(Note),
    preview: PreviewOnly,
  },
  { ...closed, title: 'NewMailboxRequests' },
)

const RequestResultView = Type.Object(
  {
    batch_id: Id,
    data: Type.Array(
      Type.Object({
        index: Type.Integer(),
        status: OneOf(['pending', 'failed']),
        request: Type.Optional(RequestView),
        problem: Type.Optional(ProblemRef),
      }),
      { description: 'A result for each item, in their order.' },
    ),
  },
  { title: 'MailboxRequestsResult' },
)

const RequestChangesBody = Type.Object(
  {
    state: Type.Optional(OneOf(requestStates, '`pending` or `in_progress` takes a failed request up again.')),
    note: Type.Optional(Note),
    credentials: Type.Optional(
      Type.Object(
        { password: Type.String({ minLength: 1, maxLength: apiLimits.passwordLengthMax }) },
        { ...closed, description: 'With `completed`: what the mailbox was opened with.' },
      ),
    ),
    preview: PreviewOnly,
  },
  { ...closed, minProperties: 1, title: 'MailboxRequestChanges' },
)

const RequestsQuery = Type.Object(
  {
    ...pageQuery,
    state: Type.Optional(OneOf(requestStates)),
    domain: Type.Optional(
      Type.String({ minLength: 1, maxLength: 253, description: 'A domain’s id or name.' }),
    ),
    service: Type.Optional(OneOf(mailboxServices)),
    batch: Type.Optional({ ...Id, description: 'The call that asked for them.' }),
  },
  closed,
)

const RequestPath = Type.Object({ request: Type.String({ description: 'Its id.' }) })
const tags = ['mailboxes']

export function mailboxRequestRoutes(app: Api, platform: Platform): void {
  scheduledMailboxRoutes(app, platform)
  createRoute(app, platform)
  app.get(
    '/v1/mailbox-requests',
    {
      schema: {
        summary: 'List mailbox requests',
        tags,
        querystring: RequestsQuery,
        response: { 200: PageOf(RequestView), ...readProblems('invalid_cursor', 'domain_not_found') },
      },
    },
    async (request) => {
      const { state = null, domain = null, service = null, batch = null } = request.query
      const filter = { state, domain, service, batch }
      const page = await listRequests(platform, scopeOf(request), filter, pageRequest(request.query))
      return pageView(page, requestView)
    },
  )
  app.get(
    '/v1/mailbox-requests/:request',
    {
      schema: {
        summary: 'Get a mailbox request',
        tags,
        params: RequestPath,
        response: { 200: RequestView, ...readProblems('mailbox_request_not_found') },
      },
    },
    async (request) => requestView(await getRequest(platform, scopeOf(request), request.params.request)),
  )
  changeRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailbox-requests',
    {
      bodyLimit: apiLimits.batchBodyBytesMax,
      schema: {
        summary: 'Ask for mailboxes that are made later',
        description:
          'For services that people or another system fulfil. The addresses are held and count as mailboxes at once; ' +
          'they take no mail until their request is completed. An item that cannot be asked for does not keep the ' +
          'others from it.',
        tags,
        body: RequestsBody,
        response: { 200: OrPreview(RequestResultView), ...postProblems() },
      },
      config: { documented: { replies: { 200: AnyOf(RequestResultView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailboxes, service = 'local', note = null, preview: isPreview = false } = request.body
      const items = mailboxes.map((item, index) => toNewMailbox({ service, ...item }, index))
      if (isPreview) return preview(platform, reply, (tx) => previewRequests(platform, tx, scope, items))
      return mutate(platform, request, reply, async (tx) => {
        const { batchId, results } = await createRequests(platform, tx, scope, items, note)
        const data = results.map((result, index) =>
          result.status === 'failed'
            ? { index, status: result.status, problem: problemOf(result.code, result.detail, result.fields) }
            : { index, status: result.status, request: requestView(result.request) },
        )
        return { status: 200, body: { batch_id: batchId, data } }
      })
    },
  )
}

async function previewRequests(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
): Promise<Preview> {
  const { results } = await createRequests(platform, tx, scope, items, null)
  return {
    objects: results.flatMap((result) =>
      result.status === 'failed'
        ? []
        : [
            {
              type: 'mailbox' as const,
              action: 'create' as const,
              id: null,
              name: result.request.address,
              state: mailboxStateOf[result.request.state],
            },
          ],
    ),
    problems: results.flatMap((result, index) =>
      result.status === 'failed'
        ? [{ index, problem: problemOf(result.code, result.detail, result.fields) }]
        : [],
    ),
  }
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailbox-requests/:request',
    {
      schema: {
        summary: 'Say what became of a mailbox request',
        description:
          '`completed` makes the mailbox active. `failed` lets its address and its place go, and may be taken up again.',
        tags,
        params: RequestPath,
        body: RequestChangesBody,
        response: {
          200: OrPreview(RequestView),
          ...writeProblems(
            'mailbox_request_not_found',
            'mailbox_request_state_conflict',
            'mailbox_state_conflict',
            'domain_not_usable',
            'address_taken',
            'mailbox_limit_reached',
            'password_too_weak',
          ),
        },
      },
      config: { documented: { replies: { 200: AnyOf(RequestView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { request: ref } = request.params
      const changes = toChanges(request.body)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const after = await changeRequest(platform, tx, scope, ref, changes)
          return { objects: changes.state === undefined ? [] : [touched(after)] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const changed = await changeRequest(platform, tx, scope, ref, changes)
        return { status: 200, body: requestView(changed) }
      })
    },
  )
}

/** What a request's state means for its mailbox. */
const mailboxStateOf: Readonly<Record<RequestState, MailboxState>> = {
  pending: 'provisioning',
  in_progress: 'provisioning',
  completed: 'active',
  failed: 'failed',
}

function touched({ mailbox_id: id, address: name, state }: MailboxRequest): TouchedObject {
  return { type: 'mailbox', action: 'update', id, name, state: mailboxStateOf[state] }
}

function toChanges(body: Static<typeof RequestChangesBody>): RequestChanges {
  return {
    ...(body.state === undefined ? {} : { state: body.state }),
    ...(body.note === undefined ? {} : { note: body.note }),
    ...(body.credentials === undefined ? {} : { password: body.credentials.password }),
  }
}

function requestView(request: MailboxRequest): Static<typeof RequestView> {
  const { id, workspace_id, domain_id, batch_id, mailbox_id, address, service, state, note } = request
  return {
    id,
    workspace_id,
    domain_id,
    batch_id,
    mailbox_id,
    address,
    service,
    state,
    note,
    created_at: request.created_at.toISOString(),
    updated_at: request.updated_at.toISOString(),
    state_changed_at: request.state_changed_at.toISOString(),
  }
}
