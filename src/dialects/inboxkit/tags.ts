/** Tags: names to sort domains by. */
import { type Static, Type } from 'typebox'
import { createDomainTags, type DomainTag, listDomainTags } from '../../domains/tags.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { closed, errors, Ok, ok } from './schemas.ts'

const TagView = Type.Object({ id: Type.String(), name: Type.String() }, { title: 'Tag' })

const TagBody = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }) },
  closed,
)

/** As many as a workspace may have: the contract knows no pages. */
const listedMax = 500
const tags = ['Tags']

export function tagRoutes(app: Api, platform: Platform): void {
  app.get(
    '/tags',
    {
      schema: {
        summary: 'List the tags of the workspace',
        tags,
        response: { 200: Ok({ tags: Type.Array(TagView) }), ...errors() },
      },
    },
    async (request) => {
      const page = { after: null, limit: listedMax }
      const { rows } = await listDomainTags(platform, callerOf(request).scope, page)
      return ok('Tags retrieved successfully', { tags: rows.map(tagView) })
    },
  )
  app.post(
    '/tags',
    {
      schema: { summary: 'Create a tag', tags, body: TagBody, response: { 200: TagView, ...errors(400) } },
    },
    async (request) => {
      const caller = callerOf(request)
      const { name } = request.body
      const [tag] = await transact(platform, caller, (tx) =>
        createDomainTags(platform, tx, caller.scope, [{ name, color: null }]),
      )
      if (!tag) throw new Error('a tag was not made')
      return tagView(tag)
    },
  )
}

function tagView({ id, name }: DomainTag): Static<typeof TagView> {
  return { id, name }
}
