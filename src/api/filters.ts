/** /v1/mailboxes/{mailbox}/filters: Sieve scripts (RFC 5228), of which one is active. */

import { type Static, Type } from 'typebox'
import {
  activateFilter,
  deleteFilter,
  type Filter,
  filterNameLengthMax,
  getFilter,
  listFilters,
  putFilter,
} from '../delivery/routing/filters.ts'
import { compileSieve } from '../delivery/sieve/compile.ts'
import { sieveLimits } from '../delivery/sieve/limits.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, PageOf } from './schemas.ts'

const FilterView = Type.Object(
  {
    name: Type.String(),
    script: Type.String(),
    active: Type.Boolean(),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Filter' },
)

// Its bytes are the core's to count.
const Script = Type.String({ maxLength: sieveLimits.scriptBytesMax, description: 'A Sieve script.' })

const FilterBody = Type.Object(
  {
    script: Script,
    active: Type.Optional(
      Type.Boolean({ description: 'Whether it is the mailbox’s active filter. Left out: as it was.' }),
    ),
  },
  closed,
)

const CheckView = Type.Object({
  valid: Type.Boolean(),
  problems: Type.Array(Type.Object({ line: Type.Integer(), column: Type.Integer(), detail: Type.String() }), {
    description: 'Line and column count from one.',
  }),
})

const FilterPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  filter: Type.String({ description: `Its name, of up to ${filterNameLengthMax} characters.` }),
})

const tags = ['mailboxes']

export function filterRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/filters',
    {
      schema: {
        summary: 'List a mailbox’s filters',
        description: 'All of them, on one page.',
        tags,
        params: MailboxPath,
        response: { 200: PageOf(FilterView), ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const filters = await listFilters(platform, scopeOf(request), request.params.mailbox)
      return { data: filters.map(filterView), next_cursor: null }
    },
  )
  app.get(
    '/v1/mailboxes/:mailbox/filters/:filter',
    {
      schema: {
        summary: 'Get a filter',
        tags,
        params: FilterPath,
        response: { 200: FilterView, ...readProblems('mailbox_not_found', 'filter_not_found') },
      },
    },
    async (request) => {
      const { mailbox, filter } = request.params
      return filterView(await getFilter(platform, scopeOf(request), mailbox, filter))
    },
  )
  checkRoute(app, platform)
  changeRoutes(app, platform)
}

function checkRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/filters/check',
    {
      schema: {
        summary: 'Check a filter without storing it',
        tags,
        params: MailboxPath,
        body: Type.Object({ script: Script }, closed),
        response: { 200: CheckView, ...postProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      await getMailbox(platform, scopeOf(request), request.params.mailbox)
      const compiled = compileSieve(request.body.script)
      return { valid: compiled.ok, problems: compiled.ok ? [] : compiled.problems }
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.put(
    '/v1/mailboxes/:mailbox/filters/:filter',
    {
      schema: {
        summary: 'Store a filter',
        description: 'It is checked first. Of a mailbox’s filters at most one is active.',
        tags,
        params: FilterPath,
        body: FilterBody,
        response: {
          200: FilterView,
          201: FilterView,
          ...writeProblems('mailbox_not_found', 'filter_invalid', 'filter_limit_reached'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, filter: name } = request.params
        const { script, active = null } = request.body
        const wanted = { name, script, active }
        const { filter, isNew } = await putFilter(platform, tx, scopeOf(request), mailbox, wanted)
        return { status: isNew ? 201 : 200, body: filterView(filter) }
      }),
  )
  app.delete(
    '/v1/mailboxes/:mailbox/filters/:filter',
    {
      schema: {
        summary: 'Delete a filter',
        tags,
        params: FilterPath,
        response: { 204: Type.Null(), ...writeProblems('mailbox_not_found', 'filter_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, filter } = request.params
        await deleteFilter(platform, tx, scopeOf(request), mailbox, filter)
        return { status: 204, body: undefined }
      }),
  )
  for (const [action, isActive, summary] of [
    ['activate', true, 'Make a filter the active one'],
    ['deactivate', false, 'Turn a filter off'],
  ] as const) {
    app.post(
      `/v1/mailboxes/:mailbox/filters/:filter/${action}`,
      {
        preValidation: emptyBodyIsObject,
        schema: {
          summary,
          tags,
          params: FilterPath,
          body: Type.Object({}, closed),
          response: { 200: FilterView, ...postProblems('mailbox_not_found', 'filter_not_found') },
        },
      },
      async (request, reply) =>
        mutate(platform, request, reply, async (tx) => {
          const { mailbox, filter: name } = request.params
          const filter = await activateFilter(platform, tx, scopeOf(request), mailbox, name, isActive)
          return { status: 200, body: filterView(filter) }
        }),
    )
  }
}

function filterView({ name, script, is_active, created_at, updated_at }: Filter): Static<typeof FilterView> {
  return {
    name,
    script,
    active: is_active,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  }
}
