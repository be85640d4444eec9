/** /mail/mailboxes/{email_address}/messages: listed, read, flagged, deleted. */
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { changeByIds, type WantedChange } from '../../messages/change-by-id.ts'
import { flagBits } from '../../messages/flags.ts'
import { listMessages } from '../../messages/message-list.ts'
import { readSummaries } from '../../messages/read-message.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { kindOf } from './callers.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { messageDetail, messageViews, requireMessage } from './message-facts.ts'
import { MessageDetailView, MessageView } from './message-view.ts'
import { PageOf, pageQuery, pageRequest } from './pages.ts'
import { errors } from './schemas.ts'
import { boundsOf } from './time-bounds.ts'

const tags = ['Messages']

export const MessagePath = Type.Object({
  ...MailboxPath.properties,
  message_id: Type.String({ description: 'Its id, not its Message-ID.' }),
})

/** Where nothing lies that clients count as a message of the mailbox. */
export const unlistedUses = ['trash', 'drafts'] as const

export function messageRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  readRoute(app, platform)
  flagsRoute(app, platform)
  app.delete(
    '/mail/mailboxes/:email_address/messages/:message_id',
    {
      schema: {
        summary: 'Delete a message',
        description: 'Its storage is free at once; it can be restored as long as the policy says.',
        tags,
        params: MessagePath,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      await change(platform, request, request.params, { kind: 'delete', permanent: true })
      return await reply.code(204).send(null)
    },
  )
}

const Bound = (description: string) => Type.Optional(Type.String({ maxLength: 64, description }))

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/messages',
    {
      schema: {
        summary: 'List messages',
        description: 'The newest first, of all folders but Trash and Drafts.',
        tags,
        params: MailboxPath,
        querystring: Type.Object({
          ...pageQuery,
          direction: Type.Optional(Type.Enum(['inbound', 'outbound'])),
          start_datetime: Bound('From then on. A bare date is that day in `tz`.'),
          end_datetime: Bound('Until then. A bare date is that whole day in `tz`.'),
          tz: Bound('An IANA zone. Default: UTC.'),
        }),
        response: { 200: PageOf(MessageView), ...errors(404, 422) },
      },
    },
    async (request) => {
      const { query } = request
      const { scope } = callerOf(request)
      const mailbox = await findMailbox(platform, scope, request.params.email_address)
      const { mailboxId } = storedOwnerOf(mailbox)
      const filter = {
        folder: null,
        unread: null,
        flagged: null,
        label: null,
        hasAttachments: null,
        thread: null,
        ...boundsOf(query),
        ...(query.direction === undefined ? {} : { direction: query.direction }),
        withoutUses: unlistedUses,
      }
      const { rows, nextCursor } = await listMessages(platform, mailboxId, filter, pageRequest(query))
      const items = await messageViews(platform.db, rows)
      return { items, next_cursor: nextCursor, has_more: nextCursor !== null }
    },
  )
}

function readRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/messages/:message_id',
    {
      schema: {
        summary: 'Get a message',
        description: 'A key that may write marks an inbound message as read with it; a session does not.',
        tags,
        params: MessagePath,
        response: { 200: MessageDetailView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { email_address: ref, message_id: id } = request.params
      const mailbox = await findMailbox(platform, scope, ref)
      const before = await messageDetail(platform, mailbox, id)
      const isMarking =
        before.direction === 'inbound' &&
        !before.is_read &&
        kindOf(request) !== 'jwt' &&
        scope.access === 'write'
      if (!isMarking) return before
      const owner = storedOwnerOf(mailbox)
      await transact(platform, callerOf(request), (tx) =>
        changeByIds(platform, tx, owner, [id], { kind: 'edit', edit: { seen: true } }),
      )
      return { ...before, is_read: true }
    },
  )
}

function flagsRoute(app: Api, platform: Platform): void {
  app.patch(
    '/mail/mailboxes/:email_address/messages/:message_id',
    {
      schema: {
        summary: 'Set whether a message is read and starred',
        tags,
        params: MessagePath,
        body: Type.Object({
          is_read: Type.Optional(Type.Boolean()),
          is_starred: Type.Optional(Type.Boolean()),
        }),
        response: { 200: MessageView, ...errors(404, 422) },
      },
    },
    async (request) => {
      const { is_read: seen, is_starred: flagged } = request.body
      const edit = {
        ...(seen === undefined ? {} : { seen }),
        ...(flagged === undefined ? {} : { flagged }),
      }
      const mailbox = await change(platform, request, request.params, { kind: 'edit', edit })
      const messages = await readSummaries(platform, mailbox.id, [request.params.message_id])
      const [view] = await messageViews(platform.db, messages)
      if (view === undefined) throw new Refusal('message_not_found') // it was removed meanwhile
      return view
    },
  )
}

/** @throws Refusal mailbox_not_found, message_not_found, forbidden. */
async function change(
  platform: Platform,
  request: FastifyRequest,
  { email_address: ref, message_id: id }: { email_address: string; message_id: string },
  wanted: WantedChange,
): Promise<Mailbox> {
  const caller = callerOf(request)
  requireWrite(caller.scope)
  const mailbox = await findMailbox(platform, caller.scope, ref)
  const owner = storedOwnerOf(mailbox)
  await transact(platform, caller, async (tx) => {
    const { flags } = await requireMessage(tx, mailbox.id, id)
    const isNothing = wanted.kind === 'edit' && isDone(flags, wanted.edit)
    if (!isNothing) await changeByIds(platform, tx, owner, [id], wanted)
  })
  return mailbox
}

function isDone(flags: number, { seen, flagged }: { seen?: boolean; flagged?: boolean }): boolean {
  const has = (bit: number, wanted: boolean | undefined): boolean =>
    wanted === undefined || ((flags & bit) !== 0) === wanted
  return has(flagBits.seen, seen) && has(flagBits.flagged, flagged)
}
