/** /v1/mailboxes/{mailbox}/remote: a mailbox at its service; and /v1/services: what each service can do. */

import { type Static, Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import { connectionServices } from '../mailboxes/engines/drivers.ts'
import { remoteStates } from '../mailboxes/engines/remote-states.ts'
import { type RemoteStanding, remoteStanding, retryRemote } from '../mailboxes/engines/remote-view.ts'
import { namesOf } from '../mailboxes/engines/wanted.ts'
import { engineOf, unavailableServices } from '../mailboxes/engines.ts'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import { seenBy } from '../mailboxes/mailboxes.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { MailboxPath, MailboxView, mailboxServices, mailboxView } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const Texts = Type.Array(Type.String())

const Observed = Type.Object({
  address: Type.String(),
  state: OneOf(['active', 'suspended', 'deleted'] as const),
  is_ready: Type.Boolean({ description: 'Whether it takes mail.' }),
  aliases: Texts,
  first_name: Type.String(),
  last_name: Type.String(),
  problem: Nullable(Type.String(), 'The service’s own words for why it does not work.'),
})

const RemoteView = Type.Object(
  {
    service: OneOf(connectionServices),
    service_connection_id: Id,
    state: OneOf(remoteStates, 'Where the mailbox is on its way at the service.'),
    state_changed_at: Moment,
    remote_id: Nullable(Type.String(), 'The service’s own id.'),
    desired: Type.Object({
      state: OneOf(mailboxStates),
      address: Type.String(),
      aliases: Texts,
      first_name: Type.String(),
      last_name: Type.String(),
      display_name: Type.String(),
    }),
    observed: Nullable(Observed, 'The user there as it was last seen.'),
    observed_at: Nullable(Moment),
    drift: Type.Array(Type.String(), { description: 'How the two differ, in words.' }),
    untold: Type.Array(Type.String(), { description: 'What the service has not taken yet.' }),
    last_error: Nullable(Type.String(), 'The service’s own words.'),
    error_kind: Nullable(Type.String()),
    request_id: Nullable(Type.String(), 'What the service’s support asks for.'),
    attempts: Type.Integer(),
    next_attempt_at: Nullable(Moment),
    late: Type.Boolean({ description: 'Whether the step under way takes unusually long.' }),
    restorable_until: Nullable(Moment, 'Of a user that is deleted there.'),
    usage_bytes: Nullable(Type.Integer(), 'As the service last said.'),
    operator_steps: Type.Array(Type.String(), { description: 'What only a person can do there.' }),
  },
  { title: 'RemoteMailbox' },
)

const ServicesView = Type.Object(
  {
    data: Type.Array(
      Type.Object({
        service: OneOf(mailboxServices),
        is_set_up: Type.Boolean({ description: 'Whether this workspace can have mailboxes there.' }),
        capabilities: Nullable(
          Type.Object({
            rename: Type.Boolean({ description: 'Else it is refused: `service_cannot`.' }),
            aliases: Type.Boolean({
              description: 'Else an alias is kept here, and a person adds it there, as `remote` shows.',
            }),
            picture: Type.Boolean({ description: 'Else it is refused: `service_cannot`.' }),
            restore_days: Nullable(Type.Integer(), 'Null: as long as the mailbox itself is kept.'),
            passwords: Type.Boolean({
              description: 'Whether mail clients log in with the mailbox’s password.',
            }),
            app_passwords: Type.Boolean({
              description: 'Whether they can be made by API. Else: `app_passwords_unsupported`.',
            }),
            totp: Type.Boolean({
              description: 'Whether it can be set up by API. Else: `totp_unsupported`.',
            }),
          }),
          'What the service can do by its interface; null for one that there is no driver for.',
        ),
      }),
    ),
  },
  { title: 'Services' },
)

export function mailboxRemoteRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/services',
    {
      schema: {
        summary: 'List who may run mailboxes, and what each can do',
        tags: ['services'],
        response: { 200: ServicesView, ...readProblems() },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      const unavailable = await unavailableServices(platform, platform.db, scope.workspaceId, mailboxServices)
      return {
        data: mailboxServices.map((service) => ({
          service,
          is_set_up: !unavailable.has(service),
          capabilities: capabilitiesView(platform, service),
        })),
      }
    },
  )
  app.get(
    '/v1/mailboxes/:mailbox/remote',
    {
      schema: {
        summary: 'Show what a mailbox is at its service',
        tags: ['mailboxes'],
        params: MailboxPath,
        response: { 200: RemoteView, ...readProblems('mailbox_not_found', 'mailbox_not_remote') },
      },
    },
    async (request) => remoteView(await remoteStanding(platform, scopeOf(request), request.params.mailbox)),
  )
  app.post(
    '/v1/mailboxes/:mailbox/remote/retry',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Ask the service again for what failed or was changed there',
        description: 'A user that was suspended, renamed or deleted there is brought back to what is wanted.',
        tags: ['mailboxes'],
        params: MailboxPath,
        body: Type.Object({}, closed),
        response: { 200: MailboxView, ...postProblems('mailbox_not_found', 'mailbox_not_remote') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = scopeOf(request)
        const mailbox = await retryRemote(platform, tx, scope, request.params.mailbox)
        return { status: 200, body: mailboxView(seenBy(scope, mailbox)), headers: { etag: etagOf(mailbox) } }
      }),
  )
}

function capabilitiesView(platform: Platform, service: (typeof mailboxServices)[number]) {
  const capabilities = engineOf(platform, service)?.capabilities
  if (!capabilities) return null
  const { restoreDays, appPasswords, ...more } = capabilities
  return {
    ...more,
    restore_days: Number.isFinite(restoreDays) ? restoreDays : null,
    app_passwords: appPasswords,
  }
}

function remoteView(standing: RemoteStanding): Static<typeof RemoteView> {
  const { mailbox, remote, connection, aliases, drift, operatorSteps } = standing
  const names = namesOf(mailbox)
  return {
    service: connection.service,
    service_connection_id: connection.id,
    state: remote.state,
    state_changed_at: remote.state_changed_at.toISOString(),
    remote_id: remote.remote_id,
    desired: {
      state: mailbox.state,
      address: mailbox.address,
      aliases: [...aliases],
      first_name: names.firstName,
      last_name: names.lastName,
      display_name: names.displayName,
    },
    observed: remote.observed,
    observed_at: momentOrNull(remote.observed_at),
    drift: [...drift],
    untold: remote.changed,
    last_error: remote.last_error,
    error_kind: remote.error_kind,
    request_id: remote.request_id,
    attempts: remote.attempts,
    next_attempt_at: momentOrNull(remote.next_attempt_at),
    late: remote.is_late,
    restorable_until: momentOrNull(remote.restorable_until),
    usage_bytes: remote.usage_bytes === null ? null : Number(remote.usage_bytes),
    operator_steps: [...operatorSteps],
  }
}
