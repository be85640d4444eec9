/** Imports: a job is opened, gets its file by a form without a key, is started, and polled. */
import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import {
  cancelImport,
  getImport,
  type Import,
  listImports,
  requireImportRight,
} from '../../messages/imports/imports.ts'
import {
  openImport,
  receiveOpened,
  renewTarget,
  startOpened,
  type UploadTarget,
} from '../../messages/imports/opened.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { allowLongBody } from '../../platform/http/long-bodies.ts'
import { readUploadForm } from '../../platform/http/upload-form.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { ImportFormatField, ImportView, importView } from './mail-import-view.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { PageOf, pageQuery, pageRequest, pageView } from './pages.ts'
import { errors, orNull } from './schemas.ts'

const tags = ['Imports']
const path = '/mail/mailboxes/:email_address/imports'
const ImportPath = Type.Object({
  ...MailboxPath.properties,
  job_id: Type.String({ description: 'Its id.' }),
})

const NewImportBody = Type.Object({
  source_format: Type.Optional(ImportFormatField),
  original_addresses: Type.Optional(
    orNull(Type.Array(Type.String({ format: 'email', maxLength: 320 }), { maxItems: 20 })),
  ),
  mark_as_read: Type.Optional(Type.Boolean()),
})

const TargetView = Type.Object({
  url: Type.String(),
  fields: Type.Record(Type.String(), Type.String()),
  expires_in_seconds: Type.Integer(),
})

export function mailImportRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  openRoute(app, platform)
  targetRoute(app, platform)
  moveRoute(app, platform, 'start')
  moveRoute(app, platform, 'cancel')
  void app.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers()
    // The file goes piece by piece into the database.
    scope.addContentTypeParser('multipart/form-data', (_request, body, done) => done(null, body))
    uploadRoute(scope.withTypeProvider(), platform)
  })
}

const uploadPath = '/mail/import-uploads'

function targetView(platform: Platform, { importId, token, expiresInSeconds }: UploadTarget) {
  const url = `${publicUrl(platform)}/inkbox/api/v1${uploadPath}`
  return { url, fields: { key: importId, token }, expires_in_seconds: expiresInSeconds }
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    path,
    {
      schema: {
        summary: 'List imports',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery),
        response: { 200: PageOf(ImportView), ...errors(404, 422) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { id } = await findMailbox(platform, scope, request.params.email_address)
      const page = await listImports(platform, scope, id, pageRequest(request.query))
      return pageView(page, (one) => importView(one, id))
    },
  )
  app.get(
    `${path}/:job_id`,
    {
      schema: {
        summary: 'Get an import',
        tags,
        params: ImportPath,
        response: { 200: ImportView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { id } = await findMailbox(platform, scope, request.params.email_address)
      return importView(await getImport(platform, scope, id, request.params.job_id), id)
    },
  )
}

function openRoute(app: Api, platform: Platform): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Open an import',
        tags,
        params: MailboxPath,
        body: NewImportBody,
        response: {
          201: Type.Object({ job: ImportView, upload: TargetView }),
          ...errors(400, 404, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { id } = await findMailbox(platform, caller.scope, request.params.email_address)
      const owner = await requireImportRight(platform, caller.scope, id)
      const { source_format: format = 'auto', original_addresses: own, mark_as_read: read } = request.body
      const wanted = { format, ownAddresses: own ?? null, markAsRead: read ?? true }
      const { opened, target } = await transact(platform, caller, (tx) =>
        openImport(platform, tx, owner, wanted),
      )
      return reply.code(201).send({ job: importView(opened, id), upload: targetView(platform, target) })
    },
  )
}

function targetRoute(app: Api, platform: Platform): void {
  app.post(
    `${path}/:job_id/upload-url`,
    {
      schema: {
        summary: 'Get a new place for the file of an import',
        tags,
        params: ImportPath,
        response: { 200: TargetView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { id } = await findMailbox(platform, caller.scope, request.params.email_address)
      const owner = await requireImportRight(platform, caller.scope, id)
      const target = await transact(platform, caller, (tx) =>
        renewTarget(platform, tx, owner, request.params.job_id),
      )
      return targetView(platform, target)
    },
  )
}

const summaries = { start: 'Start an import', cancel: 'Cancel an import' } as const

function moveRoute(app: Api, platform: Platform, move: keyof typeof summaries): void {
  app.post(
    `${path}/:job_id/${move}`,
    {
      schema: {
        summary: summaries[move],
        tags,
        params: ImportPath,
        response: { 200: ImportView, ...errors(400, 404, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { email_address: ref, job_id: job } = request.params
      const { id } = await findMailbox(platform, caller.scope, ref)
      const owner = await requireImportRight(platform, caller.scope, id)
      const moved: Import = await transact(platform, caller, (tx) =>
        move === 'start'
          ? startOpened(platform, tx, owner, job)
          : cancelImport(platform, tx, caller.scope, id, job),
      )
      return importView(moved, id)
    },
  )
}

/** No key is asked for: the form has its own. */
function uploadRoute(app: Api, platform: Platform): void {
  app.post(
    uploadPath,
    {
      config: { open: true },
      schema: {
        summary: 'Send the file of an import',
        tags,
        body: Type.Unsafe<Readable | undefined>({}),
        response: { 204: Type.Null(), ...errors(413, 422) },
      },
    },
    async (request, reply) => {
      const { body } = request
      if (body === undefined) throw new Refusal('invalid_request', 'The form is missing.')
      const form = await readUploadForm(body, request.headers['content-type'] ?? '')
      const { fields, file } = form
      await receiveOpened(platform, fields.get('key') ?? '', fields.get('token') ?? '', long(file))
      return reply.code(204).send(null)

      // Only whoever has a target may take longer than others do.
      async function* long(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
        allowLongBody(request.raw)
        yield* pieces
      }
    },
  )
}
