/** /v1/exports: mailboxes on their way to sequencers, or in files. */
import { type Static, Type } from 'typebox'
import type { Platform } from '../platform/platform.ts'
import {
  type Export,
  type ExportItem,
  getExport,
  listExportItems,
  listExports,
} from '../sequencers/export-pages.ts'
import { createExport, type NewExportItem } from '../sequencers/exports.ts'
import { exportFile } from '../sequencers/files.ts'
import { platformNames } from '../sequencers/platforms.ts'
import { exportItemStates } from '../sequencers/states.ts'
import { scopeOf } from './caller.ts'
import { choiceBody, toChoice } from './export-choice.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, problemOf, readProblems } from './problem-view.ts'
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
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'
import { errorView, MailboxError } from './sequencer-view.ts'

const ExportBody = Type.Object(
  {
    sequencer_id: Type.Optional(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })),
    platform: Type.Optional(
      OneOf(platformNames, 'Without a sequencer: whose form the file has; manual is for any program.'),
    ),
    method: Type.Optional(OneOf(['api', 'file'] as const, 'By the API, where there is one.')),
    ...choiceBody,
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

const ExportView = Type.Object(
  {
    id: Id,
    sequencer_id: Nullable(Id, 'Null: a file without a connection, or the connection is gone.'),
    platform: OneOf(platformNames),
    method: OneOf(['api', 'file'] as const, 'file: to be fetched from `/v1/exports/{id}/file`.'),
    state: OneOf(
      ['running', 'completed', 'failed'] as const,
      'failed: its connection was deleted before it was completed.',
    ),
    total: Type.Integer(),
    waiting: Type.Integer({ description: 'It is tried to bring them there.' }),
    done: Type.Integer(),
    skipped: Type.Integer({ description: 'They were there already, just so.' }),
    failed: Type.Integer(),
    created_at: Moment,
    completed_at: Nullable(Moment),
  },
  { title: 'Export', description: 'Counts are those of this moment.' },
)

const ExportItemView = Type.Object(
  {
    index: Type.Integer({ description: 'Its place among the mailboxes of the export, from 0.' }),
    mailbox_id: Id,
    address: Type.String({ description: 'As it was then.' }),
    state: OneOf(exportItemStates),
    error: MailboxError,
    updated_at: Moment,
  },
  { title: 'ExportItem' },
)

const ExportPath = Type.Object({ export: Type.String({ description: 'Its id.' }) })
const csvType = 'text/csv'
const tags = ['sequencers']

export function exportRoutes(app: Api, platform: Platform): void {
  createRoute(app, platform)
  app.get(
    '/v1/exports',
    {
      schema: {
        summary: 'List exports',
        tags,
        querystring: Type.Object(
          {
            ...pageQuery,
            sequencer_id: Type.Optional(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })),
          },
          closed,
        ),
        response: { 200: PageOf(ExportView), ...readProblems('invalid_cursor', 'sequencer_not_found') },
      },
    },
    async (request) => {
      const { sequencer_id: sequencerId = null, ...query } = request.query
      const found = await listExports(platform, scopeOf(request), { sequencerId }, pageRequest(query))
      return pageView(found, exportView)
    },
  )
  app.get(
    '/v1/exports/:export',
    {
      schema: {
        summary: 'Get an export',
        tags,
        params: ExportPath,
        response: { 200: ExportView, ...readProblems('export_not_found') },
      },
    },
    async (request) => exportView(await getExport(platform, scopeOf(request), request.params.export)),
  )
  app.get(
    '/v1/exports/:export/items',
    {
      schema: {
        summary: 'List the mailboxes of an export',
        description: 'In the order in which they were asked for, each as it is now.',
        tags,
        params: ExportPath,
        querystring: Type.Object({ ...pageQuery, state: Type.Optional(OneOf(exportItemStates)) }, closed),
        response: { 200: PageOf(ExportItemView), ...readProblems('export_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { state = null, ...query } = request.query
      const { export: id } = request.params
      const page = await listExportItems(platform, scopeOf(request), id, { state }, pageRequest(query))
      return pageView(page, itemView)
    },
  )
  fileRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/exports',
    {
      bodyLimit: apiLimits.batchBodyBytesMax,
      schema: {
        summary: 'Export mailboxes to a sequencer or a file',
        description:
          'Up to 10,000 mailboxes, named or selected by a filter. They are brought to the sequencer by a job; from then on a changed password, name or address is told there by itself. What cannot be exported is a failed item.',
        tags,
        body: ExportBody,
        response: {
          200: PreviewView,
          201: ExportView,
          ...postProblems(
            'sequencer_not_found',
            'sequencer_in_use',
            'mailbox_not_found',
            'domain_not_found',
            'export_limit_reached',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { sequencer_id: sequencerId = null, platform: name = null, method = null } = request.body
      const wanted = { sequencerId, platform: name, method, choice: toChoice(request.body) }
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) =>
          previewOf((await createExport(platform, tx, scope, wanted)).items),
        )
      }
      return mutate(platform, request, reply, async (tx) => {
        const { row } = await createExport(platform, tx, scope, wanted)
        const body = exportView(await getExport(platform, scope, row.id, tx))
        return { status: 201, body, headers: { location: `/v1/exports/${row.id}` } }
      })
    },
  )
}

function previewOf(items: readonly NewExportItem[]): Preview {
  return {
    objects: items.map(({ id, address, state }) => ({
      type: 'mailbox' as const,
      action: 'export' as const,
      id,
      name: address,
      state,
    })),
    problems: items.flatMap(({ error }, index) =>
      error === null ? [] : [{ index, problem: problemOf('mailbox_not_exportable', error) }],
    ),
  }
}

const FileQuery = Type.Object(
  {
    part: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Which of its files, from 1; a sequencer takes only so many lines in one.',
      }),
    ),
  },
  closed,
)

function fileRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/exports/:export/file',
    {
      exposeHeadRoute: false, // it would note looks at passwords that nobody had
      schema: {
        summary: 'Fetch a file of an export',
        description:
          'CSV in the columns that the sequencer imports, with the passwords of this moment; every look at one is noted. For keys that may write, and not for app passwords. `Mailwright-Parts` says how many files there are.',
        tags,
        params: ExportPath,
        querystring: FileQuery,
        response: {
          200: Type.Unsafe<string>({
            description: 'The file.',
            content: { [csvType]: { schema: { type: 'string' } } },
          }),
          ...readProblems('export_not_found', 'export_file_not_found'),
        },
      },
    },
    async (request, reply) => {
      const { part = 1 } = request.query
      return mutate(platform, request, reply, async (tx) => {
        const file = await exportFile(platform, tx, scopeOf(request), request.params.export, part)
        const headers = {
          ...noStore,
          'content-type': `${csvType}; charset=utf-8; header=present`, // RFC 4180 §3
          'content-disposition': `attachment; filename="${file.name}"`,
          'mailwright-parts': String(file.parts),
        }
        return { status: 200, body: file.text, headers }
      })
    },
  )
}

function exportView(row: Export): Static<typeof ExportView> {
  return {
    id: row.id,
    sequencer_id: row.sequencer_id,
    platform: row.platform,
    method: row.method,
    state: row.state,
    total: row.total,
    waiting: row.waiting,
    done: row.done,
    skipped: row.skipped,
    failed: row.failed,
    created_at: row.created_at.toISOString(),
    completed_at: momentOrNull(row.completed_at),
  }
}

function itemView(row: ExportItem): Static<typeof ExportItemView> {
  return {
    index: row.position,
    mailbox_id: row.mailbox_id,
    address: row.address,
    state: row.state,
    error: errorView(row.error_kind, row.error),
    updated_at: row.updated_at.toISOString(),
  }
}
