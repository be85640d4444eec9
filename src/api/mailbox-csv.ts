/** POST /v1/mailboxes/import and GET /v1/mailboxes/export: mailboxes as CSV, in and out. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { csvLinesMax, readMailboxCsv } from '../mailboxes/csv.ts'
import { exportMailboxes } from '../mailboxes/csv-export.ts'
import { type BadLine, type ImportResult, importMailboxes, refusalOfLines } from '../mailboxes/csv-import.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { BatchResultView, mailboxFilterQuery, toMailboxFilter } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { created, resultView } from './new-mailboxes.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, problemOf, readProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, Id, noStore, OneOf } from './schemas.ts'

const csvType = 'text/csv'
const tags = ['mailboxes']

const ImportQuery = Type.Object(
  {
    preview: Type.Optional(
      Type.Boolean({ description: 'Only say what would happen, and name every bad line.' }),
    ),
    skip_invalid: Type.Optional(
      Type.Boolean({ description: 'Make the good lines. Without it, nothing is made when any line is bad.' }),
    ),
  },
  closed,
)

const ImportResultView = Type.Object(
  {
    batch_id: Id,
    data: Type.Array(
      Type.Object({
        line: Type.Integer({ description: 'Of the file, from 1; the first names the columns.' }),
        ...BatchResultView.properties.data.items.properties,
      }),
      { description: 'A result for each line with a mailbox, in their order.' },
    ),
  },
  { title: 'MailboxImport' },
)

const ExportQuery = Type.Object(
  {
    ...mailboxFilterQuery,
    include: Type.Optional(
      OneOf(
        ['credentials'],
        'Passwords and servers, for keys that may write, and not for app passwords; every look is noted.',
      ),
    ),
    raw: Type.Optional(
      Type.Boolean({
        description:
          'Values as they are, for programs. Without it, a value that a spreadsheet would take for a formula begins with an apostrophe.',
      }),
    ),
  },
  closed,
)

export function mailboxCsvRoutes(app: Api, platform: Platform): void {
  exportRoute(app, platform)
  void app.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      csvType,
      { parseAs: 'buffer', bodyLimit: apiLimits.csvBytesMax },
      (_request, body, done) => {
        try {
          done(null, textOf(Buffer.from(body)))
        } catch (error) {
          done(error instanceof Error ? error : new Error('the body could not be read', { cause: error }))
        }
      },
    )
    importRoute(scope.withTypeProvider(), platform)
  })
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new Refusal('csv_invalid', 'The file is not UTF-8.', { cause: error })
  }
}

function importRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/import',
    {
      schema: {
        summary: 'Create mailboxes from a CSV file',
        description:
          `Up to ${csvLinesMax} lines after the first, which names the columns: address (or local_part and domain), ` +
          'display_name, first_name, last_name, password, tags (semicolons between them), service. Values stand ' +
          'between commas, semicolons or tabs, in UTF-8. The result is a batch.',
        tags,
        consumes: [csvType],
        querystring: ImportQuery,
        body: Type.String({ maxLength: apiLimits.csvBytesMax }),
        response: { 200: OrPreview(ImportResultView), ...postProblems('csv_invalid') },
      },
      config: { documented: { replies: { 200: AnyOf(ImportResultView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { preview: isPreview = false, skip_invalid: skipsInvalid = false } = request.query
      const file = readMailboxCsv(request.body, apiLimits)
      if (!file.ok) throw new Refusal('csv_invalid', file.problem)
      const { rows, hasLocalPart } = file
      if (isPreview) {
        return preview(platform, reply, async (tx) =>
          previewOf(await importMailboxes(platform, tx, scope, rows, hasLocalPart)),
        )
      }
      return mutate(platform, request, reply, async (tx) => {
        const { batch, results, bad } = await importMailboxes(platform, tx, scope, rows, hasLocalPart)
        if (bad.length > 0 && !skipsInvalid) throw refusalOfLines(bad)
        const data = results.map(({ line, result }, index) => ({ line, ...resultView(result, index) }))
        return { status: 200, body: { batch_id: batch.id, data } }
      })
    },
  )
}

function previewOf({ results, bad }: { results: readonly ImportResult[]; bad: readonly BadLine[] }): Preview {
  return {
    objects: results.flatMap(({ result }) => (result.status === 'failed' ? [] : [created(result.mailbox)])),
    problems: bad.map(({ index, line, column, reason, code }) => ({
      index,
      line,
      ...(column === null ? {} : { column }),
      problem: problemOf(code, reason),
    })),
  }
}

function exportRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/export',
    {
      exposeHeadRoute: false, // it would note looks at passwords that nobody had
      schema: {
        summary: 'Export mailboxes as CSV',
        description:
          'Of all mailboxes that the filters select. It streams; when something fails on the way, the connection breaks ' +
          'before the end. What it gives can be imported again.',
        tags,
        querystring: ExportQuery,
        response: {
          200: Type.Unsafe<Readable>({
            description: 'The file.',
            content: { [csvType]: { schema: { type: 'string' } } },
          }),
          ...readProblems('domain_not_found'),
        },
      },
    },
    async (request, reply) => {
      const { include, raw = false, ...query } = request.query
      const options = { withCredentials: include === 'credentials', raw }
      const pieces = exportMailboxes(platform, scopeOf(request), toMailboxFilter(query), options)
      const first = await pieces.next() // what is refused is refused before the reply begins
      void reply.headers({
        ...noStore,
        'content-type': `${csvType}; charset=utf-8; header=present`, // RFC 4180 §3
        'content-disposition': 'attachment; filename="mailboxes.csv"',
      })
      return Readable.from(piecesAfter(first, pieces), { objectMode: false, highWaterMark: 1 })
    },
  )
}

async function* piecesAfter(
  first: IteratorResult<string>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<Buffer> {
  if (first.done !== true) yield Buffer.from(first.value)
  for await (const piece of rest) yield Buffer.from(piece)
}
