/** /v1/mailboxes/{mailbox}/imports: mail files that are sent here and imported by a job. */
import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { inboxPath, requireFolderPath } from '../messages/folders.ts'
import {
  cancelImport,
  getImport,
  type Import,
  listImports,
  requireImportRight,
  startImport,
} from '../messages/imports/imports.ts'
import type { ImportFormat } from '../messages/imports/tables.ts'
import { discardUpload, receiveUpload } from '../messages/imports/uploads.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { allowLongBody } from './request-time.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const formats: Readonly<Record<string, ImportFormat>> = {
  'application/octet-stream': 'auto',
  'application/mbox': 'mbox', // RFC 4155
  'message/rfc822': 'eml',
  'application/zip': 'zip',
}

const ImportView = Type.Object(
  {
    id: Id,
    state: OneOf(['pending_upload', 'waiting', 'running', 'completed', 'failed', 'cancelled']),
    format: OneOf(['auto', 'mbox', 'eml', 'zip']),
    folder: Type.String({ description: 'Where messages go whose file does not tell.' }),
    preserve: Type.Boolean(),
    bytes: Type.Integer({ description: 'Of the upload.' }),
    bytes_read: Type.Integer(),
    messages_imported: Type.Integer(),
    messages_skipped: Type.Integer(),
    messages_duplicate: Type.Integer({
      description: 'Left out because the mailbox had them; 0 where that is not looked for.',
    }),
    problems: Type.Array(
      Type.Object({
        offset: Nullable(Type.Integer(), 'Where it begins in the upload, in bytes.'),
        what: Type.String(),
        reason: Type.String(),
      }),
      { description: 'The first of what was left out.' },
    ),
    failure: Type.Unsafe<{ code: string; detail: string } | null>({
      type: ['object', 'null'],
      description: 'What ended it, as `quota_exceeded`.',
      properties: { code: { type: 'string' }, detail: { type: 'string' } },
    }),
    created_at: Moment,
    started_at: Nullable(Moment),
    ended_at: Nullable(Moment),
  },
  { title: 'Import' },
)

const ImportQuery = Type.Object(
  {
    folder: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        description: 'Where messages go whose file does not tell: all of an mbox. Default: INBOX.',
      }),
    ),
    preserve: Type.Optional(
      Type.Boolean({
        description: 'Whether flags, keywords and dates of arrival are taken over. Default: true.',
      }),
    ),
  },
  closed,
)

const ImportPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  import: Type.String({ description: 'Its id.' }),
})

const tags = ['messages']
const Binary = { schema: { type: 'string', format: 'binary' } }
const Documented = Type.Unsafe({
  content: Object.fromEntries(Object.keys(formats).map((type) => [type, Binary])),
})

export function importRoutes(app: Api, platform: Platform): void {
  void app.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers()
    // The body is not read here, but piece by piece into the database.
    scope.addContentTypeParser(Object.keys(formats), (_request, body, done) => done(null, body))
    createRoute(scope.withTypeProvider(), platform)
  })
  readRoutes(app, platform)
  cancelRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/imports',
    {
      schema: {
        summary: 'Import messages',
        description:
          'The body is an mbox file, one message, or a ZIP archive of .eml files in directories, which become folders. ' +
          'A job imports it; imports of one mailbox run one after another.',
        tags,
        consumes: Object.keys(formats),
        params: MailboxPath,
        querystring: ImportQuery,
        body: Type.Unsafe<Readable | undefined>({}),
        response: {
          202: ImportView,
          ...postProblems(
            'mailbox_not_found',
            'service_cannot',
            'folder_name_invalid',
            'import_limit_reached',
          ),
        },
      },
      config: { documented: { body: Documented } },
    },
    async (request, reply) => {
      const owner = await requireImportRight(platform, scopeOf(request), request.params.mailbox)
      const { body } = request
      if (body === undefined) throw new Refusal('invalid_request', 'The body is missing.')
      const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
      const format = formats[type]
      if (format === undefined) throw new Refusal('unsupported_media_type')
      const { folder = inboxPath, preserve = true } = request.query
      const wanted = { format, folder: requireFolderPath(folder), preserve }
      requireSize(platform, request.headers['content-length'])
      const { mailboxId } = owner
      allowLongBody(request.raw)
      const upload = await receiveUpload(platform, mailboxId, wanted, body)
      // The same request is one with the same bytes.
      const { method, url, headers, caller } = request
      const same = { method, url, headers, caller, body: { bytes: upload.bytes, sha256: upload.sha256 } }
      const kept = { id: '' }
      try {
        const view = await mutate(platform, same, reply, async (tx) => {
          return { status: 202, body: importView(await startImport(platform, tx, owner, upload)) }
        })
        kept.id = view.id
        return view
      } finally {
        if (kept.id !== upload.id) await discardUpload(platform, { mailboxId, id: upload.id })
      }
    },
  )
}

/** @throws Refusal payload_too_large before anything of it is taken. */
function requireSize({ config }: Platform, contentLength: string | undefined): void {
  if (Number(contentLength ?? 0) > config.importBytesMax)
    throw new Refusal('payload_too_large', `An import may have at most ${config.importBytesMax} bytes.`)
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/imports',
    {
      schema: {
        summary: 'List imports',
        description: 'Newest first. They are kept for 30 days after their end.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(ImportView), ...readProblems('mailbox_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const page = pageRequest(request.query)
      return pageView(await listImports(platform, scopeOf(request), request.params.mailbox, page), importView)
    },
  )
  app.get(
    '/v1/mailboxes/:mailbox/imports/:import',
    {
      schema: {
        summary: 'Get an import',
        tags,
        params: ImportPath,
        response: { 200: ImportView, ...readProblems('mailbox_not_found', 'import_not_found') },
      },
    },
    async (request) => {
      const { mailbox, import: id } = request.params
      return importView(await getImport(platform, scopeOf(request), mailbox, id))
    },
  )
}

function cancelRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/imports/:import',
    {
      schema: {
        summary: 'Cancel an import',
        description: 'What is in the mailbox stays there; what is left of the upload is deleted.',
        tags,
        params: ImportPath,
        response: {
          200: ImportView,
          ...writeProblems('mailbox_not_found', 'import_not_found', 'import_ended'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, import: id } = request.params
        return {
          status: 200,
          body: importView(await cancelImport(platform, tx, scopeOf(request), mailbox, id)),
        }
      }),
  )
}

function importView(one: Import): Static<typeof ImportView> {
  const { seen_at: _seen, messages_read: _read, own_addresses: _own, mark_as_read: _mark, ...shown } = one
  return {
    ...shown,
    created_at: one.created_at.toISOString(),
    started_at: momentOrNull(one.started_at),
    ended_at: momentOrNull(one.ended_at),
  }
}
