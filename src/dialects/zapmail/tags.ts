/** Tags of domains. */
import { type Static, Type } from 'typebox'
import { createDomainTags, type DomainTag, deleteDomainTag, listDomainTags } from '../../domains/tags.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { line } from './fields.ts'
import { DataOf, DoneView, dataOf, done, errors, Id, Ids } from './schemas.ts'

export const TagView = Type.Object(
  { id: Type.String(), name: Type.String(), tagColor: Type.String({ description: 'Empty: none.' }) },
  { title: 'DomainTag' },
)

const NewTags = Type.Array(Type.Object({ name: line(100), tagColor: line(50, 0) }), {
  minItems: 1,
  maxItems: 100,
})

/** As many as a workspace may have: the contract knows no pages. */
const listedMax = 500
const tags = ['domains']

export function tagRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/domains/tags',
    {
      schema: {
        summary: 'List the tags of the workspace',
        tags,
        response: { 200: DataOf(Type.Array(TagView)), ...errors() },
      },
    },
    async (request) => {
      const page = { after: null, limit: listedMax }
      const { rows } = await listDomainTags(platform, callerOf(request).scope, page)
      return dataOf('Tags fetched successfully', rows.map(tagView))
    },
  )
  app.post(
    '/v2/domains/tags',
    {
      config: { tells: [409] },
      schema: {
        summary: 'Create tags',
        tags,
        body: NewTags,
        response: {
          200: DataOf(Type.Object({ tagIds: Ids, domainTagsCreated: Type.Array(TagView) })),
          ...errors(409),
        },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const wanted = request.body.map(({ name, tagColor }) => ({ name, color: tagColor || null }))
      const made = await transact(platform, caller, (tx) =>
        createDomainTags(platform, tx, caller.scope, wanted),
      )
      const tagIds = made.map(({ id }) => id)
      return dataOf('Tags created successfully', { tagIds, domainTagsCreated: made.map(tagView) })
    },
  )
  app.post(
    '/v2/domains/tags/delete',
    {
      schema: {
        summary: 'Delete a tag for good',
        tags,
        body: Type.Object({ tagId: Id }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { tagId } = request.body
      await transact(platform, caller, (tx) => deleteDomainTag(platform, tx, caller.scope, tagId))
      return done('Tag deleted successfully')
    },
  )
}

export function tagView({ id, name, color }: DomainTag): Static<typeof TagView> {
  return { id, name, tagColor: color ?? '' }
}
