/** /v1/domain-tags, and which domains have them. */
import { type Static, Type } from 'typebox'
import { getDomain } from '../domains/domains.ts'
import {
  createDomainTags,
  type DomainTag,
  deleteDomainTag,
  listDomainTags,
  tagDomains,
  tagsOfDomains,
  updateDomainTag,
} from '../domains/tags.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const text = (maxLength: number, description?: string) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    ...(description === undefined ? {} : { description }),
  })

const fields = {
  name: text(100, 'Unique in the workspace; capital letters make no difference.'),
  color: Nullable(text(50), 'For those who show it, such as #aa3300.'),
}

const TagView = Type.Object({ id: Id, ...fields, created_at: Moment }, { title: 'DomainTag' })
const NewTagBody = Type.Object({ name: fields.name, color: Type.Optional(fields.color) }, closed)
const TagBody = Type.Object(
  { name: Type.Optional(fields.name), color: Type.Optional(fields.color) },
  { ...closed, minProperties: 1 },
)

const TagPath = Type.Object({ tag: Type.String({ description: 'Its id.' }) })
const DomainPath = Type.Object({ domain: Type.String({ description: 'Its id or its name.' }) })
const TaggingPath = Type.Object({ ...DomainPath.properties, ...TagPath.properties })
const tags = ['domains']

export function domainTagRoutes(app: Api, platform: Platform): void {
  tagRoutes(app, platform)
  taggingRoutes(app, platform)
}

function tagRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domain-tags',
    {
      schema: {
        summary: 'List the tags for domains',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(TagView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listDomainTags(platform, scopeOf(request), pageRequest(request.query)), tagView),
  )
  app.post(
    '/v1/domain-tags',
    {
      schema: {
        summary: 'Make a tag for domains',
        tags,
        body: NewTagBody,
        response: { 201: TagView, ...postProblems('domain_tag_taken', 'domain_tag_limit_reached') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { name, color = null } = request.body
        const [tag] = await createDomainTags(platform, tx, scopeOf(request), [{ name, color }])
        if (!tag) throw new Error('a tag was not made')
        return { status: 201, body: tagView(tag) }
      }),
  )
  app.patch(
    '/v1/domain-tags/:tag',
    {
      schema: {
        summary: 'Change a tag for domains',
        tags,
        params: TagPath,
        body: TagBody,
        response: { 200: TagView, ...writeProblems('domain_tag_not_found', 'domain_tag_taken') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { name, color } = request.body
        const changes = { ...(name === undefined ? {} : { name }), ...(color === undefined ? {} : { color }) }
        const tag = await updateDomainTag(platform, tx, scopeOf(request), request.params.tag, changes)
        return { status: 200, body: tagView(tag) }
      }),
  )
  app.delete(
    '/v1/domain-tags/:tag',
    {
      schema: {
        summary: 'Delete a tag for domains',
        description: 'The domains that have it stay.',
        tags,
        params: TagPath,
        response: { 204: Type.Null(), ...writeProblems('domain_tag_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await deleteDomainTag(platform, tx, scopeOf(request), request.params.tag)
        return { status: 204, body: null }
      }),
  )
}

function taggingRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/tags',
    {
      schema: {
        summary: 'List a domain’s tags',
        description: 'All of them, on one page, by name.',
        tags,
        params: DomainPath,
        response: { 200: PageOf(TagView), ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      const { id } = await getDomain(platform, scope, request.params.domain)
      const found = (await tagsOfDomains(platform.db, scope, [id])).get(id) ?? []
      return { data: found.map(tagView), next_cursor: null }
    },
  )
  for (const [method, action, summary] of [
    ['PUT', 'add', 'Put a tag on a domain'],
    ['DELETE', 'remove', 'Take a tag off a domain'],
  ] as const) {
    app.route({
      method,
      url: '/v1/domains/:domain/tags/:tag',
      schema: {
        summary,
        tags,
        params: TaggingPath,
        response: {
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'domain_tag_not_found', 'domain_tag_limit_reached'),
        },
      },
      handler: async (request, reply) =>
        mutate(platform, request, reply, async (tx) => {
          const scope = scopeOf(request)
          const { domain, tag } = request.params
          const { id } = await getDomain(platform, scope, domain, tx)
          await tagDomains(platform, tx, scope, action, { tagIds: [tag], domainIds: [id] })
          return { status: 204, body: null }
        }),
    })
  }
}

function tagView({ id, name, color, created_at: at }: DomainTag): Static<typeof TagView> {
  return { id, name, color, created_at: at.toISOString() }
}
