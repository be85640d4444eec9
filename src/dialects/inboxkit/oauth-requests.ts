/** Requests to click through consents, and to trust client ids. Nobody here does: they are refused, and there are none. */

import { Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { closed, errors, Ok, ok, pageFields, pageInput, pageOf, pageOutput, Uid, Uids } from './schemas.ts'

const tags = ['OAuth requests']
const None = Type.Array(Type.Object({}), { maxItems: 0, description: 'There are none.' })

const Text = Type.Optional(Type.String({ maxLength: 8192 }))

const ConsentBody = Type.Object(
  {
    consent_url: Type.String({ maxLength: 8192 }),
    mailbox_uid: Type.Optional(Uid),
    username: Text,
    domain: Text,
  },
  closed,
)

const ClientIdBody = Type.Object({ client_id: Text, domain: Text, domain_uids: Type.Optional(Uids) }, closed)

const BothBody = Type.Object({ client_id: Text, consent_url: Text, mailbox_uid: Type.Optional(Uid) }, closed)

const OffsetQuery = Type.Object({
  limit: pageInput.limit,
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 })),
})

export function oauthRequestRoutes(app: Api): void {
  for (const [path, body] of [
    ['/mailboxes/consent-request/initiate', ConsentBody],
    ['/mailboxes/client-id-request/initiate', ClientIdBody],
    ['/mailboxes/client-id-request/initiate-consent-request', BothBody],
  ] as const) {
    app.post(
      path,
      {
        preValidation: emptyBodyIsObject,
        schema: { summary: 'Not offered', description: refused, tags, body, response: errors(400) },
      },
      () => {
        throw new Refusal('invalid_request', refused)
      },
    )
  }
  app.get(
    '/mailboxes/consent-request/status/:uid',
    {
      schema: { summary: 'Not offered', tags, params: Type.Object({ uid: Uid }), response: errors() },
    },
    () => {
      // As for what is not there: none ever is.
      throw new Refusal('mailbox_request_not_found', 'Consent request not found')
    },
  )
  app.get(
    '/mailboxes/consent-requests',
    {
      schema: {
        summary: 'Not offered: there are none',
        tags,
        querystring: OffsetQuery,
        response: { 200: Ok({ data: None, total: Type.Integer() }), ...errors(400) },
      },
    },
    () => ok('ok', { data: [], total: 0 }),
  )
  app.get(
    '/mailboxes/client-id-requests',
    {
      schema: {
        summary: 'Not offered: there are none',
        tags,
        querystring: Type.Object(pageInput),
        response: { 200: Ok({ data: None, ...pageOutput }), ...errors(400) },
      },
    },
    (request) => ok('ok', { data: [], ...pageFields({ total: 0 }, pageOf(request.query, 20)) }),
  )
}

const refused = 'Nobody clicks through consent pages here: let the mailbox’s own user do it'
