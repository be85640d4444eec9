/** /v1/domains/{domain}/aliases: other domains whose mail is treated as this one's. */
import { type Static, Type } from 'typebox'
import {
  addDomainAlias,
  type DomainAlias,
  listDomainAliases,
  removeDomainAlias,
} from '../mailboxes/domain-aliases.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, PageOf } from './schemas.ts'

const DomainAliasView = Type.Object(
  {
    id: Type.Unsafe<string>({ ...Id, description: 'Of the domain that is the alias.' }),
    name: Type.String(),
    alias_of: Type.String({ description: 'The domain that has the mailboxes.' }),
    created_at: Moment,
  },
  { title: 'DomainAlias' },
)

const DomainPath = Type.Object({ domain: Type.String({ description: 'Its id or its name.' }) })
const AliasPath = Type.Object({
  domain: Type.String({ description: 'Its id or its name.' }),
  alias: Type.String({ description: 'The id or the name of the domain that is the alias.' }),
})
const AliasBody = Type.Object(
  {
    domain: Type.String({
      minLength: 1,
      maxLength: 1000,
      description: 'The id or the name of a connected domain of the workspace.',
    }),
  },
  closed,
)

const tags = ['domains']

export function domainAliasRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/aliases',
    {
      schema: {
        summary: 'List a domain’s aliases',
        description: 'All of them, on one page.',
        tags,
        params: DomainPath,
        response: { 200: PageOf(DomainAliasView), ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const aliases = await listDomainAliases(platform, scopeOf(request), request.params.domain)
      return { data: aliases.map(domainAliasView), next_cursor: null }
    },
  )
  app.post(
    '/v1/domains/:domain/aliases',
    {
      schema: {
        summary: 'Make another domain an alias of this one',
        description:
          'Mail for name@alias is treated as mail for name@domain; addresses of its own come first.',
        tags,
        params: DomainPath,
        body: AliasBody,
        response: {
          201: DomainAliasView,
          ...postProblems('domain_not_found', 'domain_alias_conflict', 'address_limit_reached'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { domain } = request.params
        const alias = await addDomainAlias(platform, tx, scopeOf(request), domain, request.body.domain)
        return { status: 201, body: domainAliasView(alias) }
      }),
  )
  app.delete(
    '/v1/domains/:domain/aliases/:alias',
    {
      schema: {
        summary: 'Let a domain be an alias no more',
        tags,
        params: AliasPath,
        response: { 204: Type.Null(), ...writeProblems('domain_not_found', 'domain_alias_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { domain, alias } = request.params
        await removeDomainAlias(platform, tx, scopeOf(request), domain, alias)
        return { status: 204, body: undefined }
      }),
  )
}

function domainAliasView({ domainId, name, of, createdAt }: DomainAlias): Static<typeof DomainAliasView> {
  return { id: domainId, name, alias_of: of, created_at: createdAt.toISOString() }
}
