/** /v1/mailboxes/{mailbox}/aliases: further addresses of a mailbox. The id of an alias is the address. */
import { type Static, Type } from 'typebox'
import { addAlias, type ExtraAddress, listAliases, removeAlias } from '../mailboxes/extra-addresses.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, PageOf } from './schemas.ts'

const AliasView = Type.Object(
  { id: Type.String({ description: 'The address itself.' }), address: Type.String(), created_at: Moment },
  { title: 'Alias' },
)

const AliasBody = Type.Object(
  {
    address: Type.String({
      minLength: 1,
      maxLength: apiLimits.addressLengthMax,
      description: 'In any domain of the workspace.',
    }),
  },
  closed,
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
          201: AliasView,
          ...postProblems(
            'mailbox_not_found',
            'address_invalid',
            'address_taken',
            'address_limit_reached',
            'domain_not_found',
            'domain_not_usable',
          ),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox } = request.params
        const alias = await addAlias(platform, tx, scopeOf(request), mailbox, request.body.address)
        return { status: 201, body: aliasView(alias) }
      }),
  )
  app.delete(
    '/v1/mailboxes/:mailbox/aliases/:alias',
    {
      schema: {
        summary: 'Take an alias away',
        tags,
        params: AliasPath,
        response: { 204: Type.Null(), ...writeProblems('mailbox_not_found', 'address_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, alias } = request.params
        await removeAlias(platform, tx, scopeOf(request), mailbox, alias)
        return { status: 204, body: undefined }
      }),
  )
}

function aliasView({ address, created_at }: ExtraAddress): Static<typeof AliasView> {
  return { id: address, address, created_at: created_at.toISOString() }
}
