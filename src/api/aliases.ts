/** /v1/mailboxes/{mailbox}/aliases: further addresses of a mailbox. The id of an alias is the address. */
import { type Static, Type } from 'typebox'
import type { ExtraAddress } from '../mailboxes/address-rows.ts'
import { addAlias, listAliases, removeAlias, updateAlias } from '../mailboxes/aliases.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, Moment, momentOrNull, Nullable, PageOf } from './schemas.ts'

const AliasView = Type.Object(
  {
    id: Type.String({ description: 'The address itself.' }),
    address: Type.String(),
    description: Nullable(Type.String()),
    enabled: Type.Boolean({ description: 'Whether its mail is taken. What is not is refused.' }),
    expires_at: Nullable(Moment, 'When it goes by itself: the old address of a renamed mailbox.'),
    created_at: Moment,
  },
  { title: 'Alias' },
)

const Description = Nullable(
  Type.String({ maxLength: apiLimits.aliasDescriptionLengthMax }),
  'What it is for.',
)
const Preview = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

const AliasBody = Type.Object(
  {
    address: Type.String({
      minLength: 1,
      maxLength: apiLimits.addressLengthMax,
      description: 'In any domain of the workspace.',
    }),
    description: Type.Optional(Description),
    preview: Preview,
  },
  closed,
)

const AliasChangesBody = Type.Object(
  {
    description: Type.Optional(Description),
    enabled: Type.Optional(
      Type.Boolean({ description: 'False: its mail is refused, and it is not sent with.' }),
    ),
    preview: Preview,
  },
  { ...closed, minProperties: 1 },
)

const AliasPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  alias: Type.String({ description: 'The address.' }),
})

const tags = ['mailboxes']

export function aliasRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/aliases',
    {
      schema: {
        summary: 'List a mailbox’s aliases',
        description: 'All of them, on one page.',
        tags,
        params: MailboxPath,
        response: { 200: PageOf(AliasView), ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const aliases = await listAliases(platform, scopeOf(request), request.params.mailbox)
      return { data: aliases.map(aliasView), next_cursor: null }
    },
  )
  createRoute(app, platform)
  editRoute(app, platform)
  deleteRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/aliases',
    {
      schema: {
        summary: 'Give a mailbox another address',
        description: 'Mail for it is delivered to the mailbox, whose owner may also send with it.',
        tags,
        params: MailboxPath,
        body: AliasBody,
        response: {
          200: PreviewView,
          201: AliasView,
          ...postProblems(
            'mailbox_not_found',
            'address_invalid',
            'address_taken',
            'address_limit_reached',
            'domain_not_found',
            'domain_not_usable',
            'mailbox_details_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox } = request.params
      const { address, description = null } = request.body
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const alias = await addAlias(platform, tx, scope, mailbox, address, description)
          return { objects: [aliasObject(alias, 'create')] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const alias = await addAlias(platform, tx, scope, mailbox, address, description)
        return { status: 201, body: aliasView(alias) }
      })
    },
  )
}

function editRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox/aliases/:alias',
    {
      schema: {
        summary: 'Edit an alias, turn it off or on',
        description:
          'Mail for an alias that is turned off is refused (550 5.2.1) and does not go to a catch-all; it stays taken.',
        tags,
        params: AliasPath,
        body: AliasChangesBody,
        response: {
          200: OrPreview(AliasView),
          ...writeProblems('mailbox_not_found', 'address_not_found'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(AliasView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox, alias } = request.params
      const { preview: isPreview, ...changes } = request.body
      if (isPreview === true) {
        return preview(platform, reply, async (tx) => {
          const row = await updateAlias(platform, tx, scope, mailbox, alias, changes)
          return { objects: [aliasObject(row, 'update')] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const row = await updateAlias(platform, tx, scope, mailbox, alias, changes)
        return { status: 200, body: aliasView(row) }
      })
    },
  )
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/aliases/:alias',
    {
      schema: {
        summary: 'Take an alias away',
        description: 'The event has all that is needed to make it again.',
        tags,
        params: AliasPath,
        querystring: Type.Object({ preview: Preview }, closed),
        response: {
          200: PreviewView,
          204: Type.Null({ description: 'It is gone.' }),
          ...writeProblems('mailbox_not_found', 'address_not_found'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox, alias } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const row = await removeAlias(platform, tx, scope, mailbox, alias)
          return { objects: [aliasObject(row, 'delete')] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await removeAlias(platform, tx, scope, mailbox, alias)
        return { status: 204, body: undefined }
      })
    },
  )
}

/** An alias as a preview shows it. */
export function aliasObject(
  { address, enabled }: Pick<ExtraAddress, 'address' | 'enabled'>,
  action: 'create' | 'update' | 'delete',
): TouchedObject {
  const state = enabled ? 'enabled' : 'disabled'
  return { type: 'alias', action, id: null, name: address, state: action === 'delete' ? 'deleted' : state }
}

function aliasView(alias: ExtraAddress): Static<typeof AliasView> {
  const { address, description, enabled } = alias
  return {
    id: address,
    address,
    description,
    enabled,
    expires_at: momentOrNull(alias.expires_at),
    created_at: alias.created_at.toISOString(),
  }
}
