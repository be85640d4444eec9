/** /v1/mailboxes/{mailbox}/app-passwords: a password for each program or device. */
import { type Static, Type } from 'typebox'
import {
  type AppPassword,
  appPasswordNameLengthMax,
  createAppPassword,
  getAppPassword,
  listAppPasswords,
  type NewAppPassword,
  networksPerAppPasswordMax,
  revokeAppPassword,
  updateAppPassword,
  viewAppPassword,
} from '../mailboxes/app-passwords.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import { appPasswordScopes } from '../mailboxes/tables.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  noStore,
  OneOf,
  PageOf,
  readMomentOrNull,
} from './schemas.ts'

const Scopes = Nullable(
  Type.Array(OneOf(appPasswordScopes), { minItems: 1, maxItems: appPasswordScopes.length }),
  'What it may be used for: imap, pop3, smtp (to send), api (as HTTP Basic, with the address as user name). Null: everything.',
)
const Networks = Nullable(
  Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: networksPerAppPasswordMax }),
  'Addresses and networks in CIDR form that it may be used from. Null: anywhere.',
)

const fields = {
  id: Id,
  name: Type.String(),
  scopes: Scopes,
  networks: Networks,
  expires_at: Nullable(Moment),
  last_used_at: Nullable(Moment, 'To the minute.'),
  last_used_from: Nullable(Type.String()),
  created_at: Moment,
} as const

const AppPasswordView = Type.Object(fields, { title: 'AppPassword' })
const ShownAppPasswordView = Type.Object(
  { ...fields, username: Type.String(), password: Type.String() },
  { title: 'ShownAppPassword' },
)

const wanted = {
  scopes: Type.Optional(Scopes),
  networks: Type.Optional(Networks),
  expires_at: Type.Optional(Nullable(Moment, 'Null: never.')),
} as const
const Name = Type.String({ minLength: 1, maxLength: appPasswordNameLengthMax })

const NewBody = Type.Object(
  { name: Name, ...wanted, preview: Type.Optional(Type.Boolean()) },
  { ...closed, title: 'NewAppPassword' },
)
const ChangesBody = Type.Object({ name: Type.Optional(Name), ...wanted }, { ...closed, minProperties: 1 })

const AppPasswordPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  app_password: Type.String({ description: 'Its id.' }),
})
const DeleteQuery = Type.Object(
  { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
  closed,
)

const tags = ['mailboxes']
const path = '/v1/mailboxes/:mailbox/app-passwords'

export function appPasswordRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  createRoute(app, platform)
  updateRoute(app, platform)
  revokeRoute(app, platform)
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    path,
    {
      schema: {
        summary: 'List a mailbox’s app passwords',
        description: 'All of them, on one page, without the passwords themselves.',
        tags,
        params: MailboxPath,
        response: { 200: PageOf(AppPasswordView), ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const rows = await listAppPasswords(platform, scopeOf(request), request.params.mailbox)
      return { data: rows.map(appPasswordView), next_cursor: null }
    },
  )
  app.get(
    `${path}/:app_password`,
    {
      schema: {
        summary: 'Get an app password',
        description: 'Without the password itself.',
        tags,
        params: AppPasswordPath,
        response: { 200: AppPasswordView, ...readProblems('mailbox_not_found', 'app_password_not_found') },
      },
    },
    async (request) => {
      const { mailbox, app_password: id } = request.params
      return appPasswordView(await getAppPassword(platform, scopeOf(request), mailbox, id))
    },
  )
  app.get(
    `${path}/:app_password/password`,
    {
      schema: {
        summary: 'Show an app password again',
        description:
          'Every look is written to the event log. A key that may only read does not see passwords.',
        tags,
        params: AppPasswordPath,
        response: {
          200: ShownAppPasswordView,
          ...readProblems('mailbox_not_found', 'app_password_not_found'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox: ref, app_password: id } = request.params
        const scope = scopeOf(request)
        const { appPassword, password } = await viewAppPassword(platform, tx, scope, ref, id)
        const { address: username } = await getMailbox(platform, scope, ref, tx)
        const body = { ...appPasswordView(appPassword), username, password }
        return { status: 200, body, headers: noStore }
      }),
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Make an app password',
        description:
          'It is always generated. Spaces, dashes and capital letters make no difference where it is sent as it is; SCRAM needs it as it is shown.',
        tags,
        params: MailboxPath,
        body: NewBody,
        response: {
          200: OrPreview(PreviewView),
          201: ShownAppPasswordView,
          ...postProblems(
            'mailbox_not_found',
            'app_password_taken',
            'app_password_limit_reached',
            'app_passwords_unsupported',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const { preview: isPreview, name, ...more } = request.body
      const asked: NewAppPassword = {
        name,
        scopes: null,
        networks: null,
        expiresAt: null,
        ...changesOf(more),
      }
      if (isPreview === true) {
        return preview(platform, reply, async (tx) => {
          await createAppPassword(platform, tx, scope, ref, asked)
          return touching(await getMailbox(platform, scope, ref, tx))
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { appPassword, password } = await createAppPassword(platform, tx, scope, ref, asked)
        const { id, address: username } = await getMailbox(platform, scope, ref, tx)
        const headers = { location: `/v1/mailboxes/${id}/app-passwords/${appPassword.id}`, ...noStore }
        return { status: 201, body: { ...appPasswordView(appPassword), username, password }, headers }
      })
    },
  )
}

function updateRoute(app: Api, platform: Platform): void {
  app.patch(
    `${path}/:app_password`,
    {
      schema: {
        summary: 'Change an app password’s name and limits',
        description:
          'Sessions that were opened with it end where this takes a scope or a network away, or moves its end.',
        tags,
        params: AppPasswordPath,
        body: ChangesBody,
        response: {
          200: AppPasswordView,
          ...writeProblems('mailbox_not_found', 'app_password_not_found', 'app_password_taken'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, app_password: id } = request.params
        const { name, ...more } = request.body
        const changes = { ...changesOf(more), ...(name === undefined ? {} : { name }) }
        const changed = await updateAppPassword(platform, tx, scopeOf(request), mailbox, id, changes)
        return { status: 200, body: appPasswordView(changed) }
      }),
  )
}

function revokeRoute(app: Api, platform: Platform): void {
  app.delete(
    `${path}/:app_password`,
    {
      schema: {
        summary: 'Revoke an app password',
        description: 'For good. Sessions that were opened with it end; others do not.',
        tags,
        params: AppPasswordPath,
        querystring: DeleteQuery,
        response: {
          200: OrPreview(PreviewView),
          204: Type.Null({ description: 'It was revoked.' }),
          ...writeProblems('mailbox_not_found', 'app_password_not_found'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref, app_password: id } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          await revokeAppPassword(platform, tx, scope, ref, id)
          return touching(await getMailbox(platform, scope, ref, tx))
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await revokeAppPassword(platform, tx, scope, ref, id)
        return { status: 204, body: undefined }
      })
    },
  )
}

/** What a preview shows: an app password is part of its mailbox. */
function touching(mailbox: { id: string; address: string; state: string }): Preview {
  const { id, address: name, state } = mailbox
  return { objects: [{ type: 'mailbox', action: 'update', id, name, state }] }
}

function changesOf(body: Omit<Static<typeof ChangesBody>, 'name'>): Partial<NewAppPassword> {
  const { scopes, networks, expires_at: expiresAt } = body
  return {
    ...(scopes === undefined ? {} : { scopes }),
    ...(networks === undefined ? {} : { networks }),
    ...(expiresAt === undefined ? {} : { expiresAt: readMomentOrNull(expiresAt, '/expires_at') }),
  }
}

function appPasswordView(row: AppPassword) {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes === null ? null : [...row.scopes],
    networks: row.networks === null ? null : [...row.networks],
    expires_at: momentOrNull(row.expires_at),
    last_used_at: momentOrNull(row.last_used_at),
    last_used_from: row.last_used_from,
    created_at: row.created_at.toISOString(),
  }
}
