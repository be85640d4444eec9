/** /v1/mailboxes/{mailbox}/deleted-messages: what was removed and can be restored. */

import { type Static, Type } from 'typebox'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import {
  type DeletedMessage,
  listDeletedMessages,
  type RestoredMessage,
  restoreDeleted,
  restoredMax,
} from '../messages/deleted-messages.ts'
import { Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import { isId } from '../platform/ids.ts'
import { pageLimitDefault } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, Nullable, PageOf, pageQuery, pageView } from './schemas.ts'

const DeletedMessageView = Type.Object(
  {
    id: Id,
    folder_id: Id,
    folder: Type.String({ description: 'The path of the folder that it was removed from.' }),
    subject: Nullable(Type.String(), 'As in the header, not decoded.'),
    from: Nullable(Type.String(), 'The address of the first author.'),
    size_bytes: Type.Integer(),
    thread_id: Id,
    received_at: Moment,
    deleted_at: Moment,
    restore_until: Moment,
  },
  { title: 'DeletedMessage' },
)

const RestoredMessageView = Type.Object(
  {
    id: Id,
    folder_id: Id,
    folder: Type.String({ description: 'The path of the folder that it is in now.' }),
    uid: Type.Integer(),
  },
  { title: 'RestoredMessage' },
)

const FolderId = Type.Optional(
  Type.String({
    format: 'uuid',
    description: 'Where to. Default: the folder that it was removed from, or INBOX when that is gone.',
  }),
)

const MessagePath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  message: Type.String({ description: 'Its id.' }),
})

const ManyBody = Type.Object(
  { ids: Type.Array(Id, { minItems: 1, maxItems: restoredMax }), folder_id: FolderId },
  closed,
)

const ManyView = Type.Object({
  data: Type.Array(RestoredMessageView),
  not_found: Type.Array(Id, { description: 'Those that cannot be restored (any more).' }),
})

const tags = ['messages']

export function deletedMessageRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/deleted-messages',
    {
      schema: {
        summary: 'List removed messages that can be restored',
        description: 'Newest first. How long they are kept is restore_days of the mailbox’s policy.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery, closed),
        response: {
          200: PageOf(DeletedMessageView),
          ...readProblems('mailbox_not_found', 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { id } = await getMailbox(platform, scopeOf(request), request.params.mailbox)
      const { limit = pageLimitDefault, cursor = null } = request.query
      const page = await listDeletedMessages(platform, id, { limit, cursor })
      return pageView(page, deletedMessageView)
    },
  )
  restoreRoutes(app, platform)
}

const restoreCodes = ['mailbox_not_found', 'folder_not_found', 'quota_exceeded'] as const

function restoreRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/deleted-messages/:message/restore',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Restore a removed message',
        tags,
        params: MessagePath,
        body: Type.Object({ folder_id: FolderId }, closed),
        response: {
          200: RestoredMessageView,
          ...postProblems(...restoreCodes, 'deleted_message_not_found'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox, message } = request.params
        const toFolderId = request.body.folder_id ?? null
        const ids = isId(message) ? [message] : []
        const wanted = { ids, toFolderId }
        const [restored] = await restoreDeleted(platform, tx, scopeOf(request), mailbox, wanted)
        if (!restored) throw new Refusal('deleted_message_not_found')
        return { status: 200, body: restoredMessageView(restored) }
      }),
  )
  app.post(
    '/v1/mailboxes/:mailbox/deleted-messages/restore',
    {
      schema: {
        summary: 'Restore removed messages',
        description: 'Those that cannot be restored are named; the others are restored all the same.',
        tags,
        params: MailboxPath,
        body: ManyBody,
        response: { 200: ManyView, ...postProblems(...restoreCodes) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { ids: written, folder_id: toFolderId = null } = request.body
        const ids = [...new Set(written.map((id) => id.toLowerCase()))]
        const wanted = { ids, toFolderId }
        const restored = await restoreDeleted(platform, tx, scopeOf(request), request.params.mailbox, wanted)
        const found = new Set(restored.map(({ id }) => id))
        const body = {
          data: restored.map(restoredMessageView),
          not_found: ids.filter((id) => !found.has(id)),
        }
        return { status: 200, body }
      }),
  )
}

function deletedMessageView(message: DeletedMessage): Static<typeof DeletedMessageView> {
  const { envelope } = message
  return {
    id: message.id,
    folder_id: message.folder_id,
    folder: message.folder_path,
    subject: envelope.subject,
    from: addressOf(envelope.from[0]),
    size_bytes: message.size_bytes,
    thread_id: message.thread_id,
    received_at: message.internal_date.toISOString(),
    deleted_at: message.deleted_at.toISOString(),
    restore_until: message.restore_until.toISOString(),
  }
}

function addressOf(author: DeletedMessage['envelope']['from'][number] | undefined): string | null {
  return author?.mailbox && author.host ? `${author.mailbox}@${author.host}` : null
}

function restoredMessageView(message: RestoredMessage): Static<typeof RestoredMessageView> {
  return { id: message.id, folder_id: message.folderId, folder: message.folderPath, uid: message.uid }
}
