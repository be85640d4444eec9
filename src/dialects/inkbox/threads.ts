/** /mail/mailboxes/{email_address}/threads: conversations, and the folder that each lies in. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { blockedFolderPath } from '../../messages/direction.ts'
import { type Folder, listFoldersIn } from '../../messages/folders.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { readSummaries } from '../../messages/read-message.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import {
  getThread,
  listThreads,
  summarizeThread,
  type ThreadSummary,
} from '../../messages/threads/thread-list.ts'
import { deleteThread, moveThread } from '../../messages/threads/thread-moves.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { messageViews } from './message-facts.ts'
import { MessageView } from './message-view.ts'
import { PageOf, pageQuery, pageRequest, pageView } from './pages.ts'
import { errors, Moment, orNull, Uuid } from './schemas.ts'

const tags = ['Threads']

const threadFolders = ['archive', 'blocked', 'inbox', 'spam'] as const
type ThreadFolder = (typeof threadFolders)[number]

const threadFields = {
  id: Uuid,
  mailbox_id: Uuid,
  subject: orNull(Type.String()),
  folder: Type.Enum([...threadFolders]),
  status: Type.Enum(['active', 'paused', 'deleted']),
  message_count: Type.Integer(),
  last_message_at: Moment,
  created_at: Moment,
} as const

const ThreadView = Type.Object(threadFields, { title: 'Thread' })
const ThreadDetailView = Type.Object(
  { ...threadFields, messages: Type.Array(MessageView) },
  { title: 'ThreadDetail' },
)

const ThreadPath = Type.Object({ ...MailboxPath.properties, thread_id: Type.String() })

export function threadRoutes(app: Api, platform: Platform): void {
  listRoutes(app, platform)
  readRoute(app, platform)
  changeRoutes(app, platform)
}

function listRoutes(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/threads',
    {
      schema: {
        summary: 'List threads',
        description: 'By their last activity. A page may be short, or empty, and still have more behind it.',
        tags,
        params: MailboxPath,
        querystring: Type.Object({
          ...pageQuery,
          folder: Type.Optional(Type.Enum([...threadFolders])),
        }),
        response: { 200: PageOf(ThreadView), ...errors(404, 422) },
      },
    },
    async (request) => {
      const { mailboxId, places } = await placesOf(platform, callerOf(request).scope, request.params)
      const { folder } = request.query
      const filter = {
        withoutFolders: places.unlisted,
        ...(folder === undefined ? {} : { placedIn: places.foldersOf(folder) }),
      }
      const page = await listThreads(platform, mailboxId, filter, pageRequest(request.query))
      return pageView(page, (thread) => threadView(mailboxId, places, thread))
    },
  )
  app.get(
    '/mail/mailboxes/:email_address/threads/folders',
    {
      schema: {
        summary: 'List the folders that have threads',
        tags,
        params: MailboxPath,
        response: { 200: Type.Array(Type.Enum([...threadFolders])), ...errors(404) },
      },
    },
    async (request) => {
      const { mailboxId, places } = await placesOf(platform, callerOf(request).scope, request.params)
      const found: ThreadFolder[] = []
      for (const folder of threadFolders) {
        const filter = { withoutFolders: places.unlisted, placedIn: places.foldersOf(folder) }
        const { rows } = await listThreads(platform, mailboxId, filter, { limit: 1, after: null })
        if (rows.length > 0) found.push(folder)
      }
      return found
    },
  )
}

function readRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/threads/:thread_id',
    {
      schema: {
        summary: 'Get a thread with its messages',
        tags,
        params: ThreadPath,
        response: { 200: ThreadDetailView, ...errors(404) },
      },
    },
    async (request) => {
      const { mailboxId, places } = await placesOf(platform, callerOf(request).scope, request.params)
      const { thread_id: id } = request.params
      const thread = await requireThread(platform.db, mailboxId, places, id)
      const messages = (await getThread(platform, mailboxId, id)) ?? []
      const ids = messages
        .filter(({ folderId }) => !places.unlisted.includes(folderId))
        .map((message) => message.id)
      const views = await messageViews(platform.db, await readSummaries(platform, mailboxId, ids))
      return { ...threadView(mailboxId, places, thread), messages: views }
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/mail/mailboxes/:email_address/threads/:thread_id',
    {
      schema: {
        summary: 'Move a thread',
        description: 'What the mailbox got is moved; what it sent stays in Sent.',
        tags,
        params: ThreadPath,
        body: Type.Object({ folder: Type.Optional(Type.Enum(['inbox', 'spam', 'archive'])) }),
        response: { 200: ThreadView, ...errors(404, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const { folder } = request.body
      const { owner, mailboxId } = await placesOf(platform, caller.scope, request.params)
      const { thread_id: id } = request.params
      if (folder !== undefined) {
        const to = folder === 'spam' ? 'junk' : folder
        await transact(platform, caller, (tx) => moveThread(platform, tx, owner, id, to))
      }
      const { places } = await placesOf(platform, caller.scope, request.params)
      return threadView(mailboxId, places, await requireThread(platform.db, mailboxId, places, id))
    },
  )
  app.delete(
    '/mail/mailboxes/:email_address/threads/:thread_id',
    {
      schema: {
        summary: 'Delete a thread with its messages',
        tags,
        params: ThreadPath,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const { owner } = await placesOf(platform, caller.scope, request.params)
      await transact(platform, caller, (tx) => deleteThread(platform, tx, owner, request.params.thread_id))
      return await reply.code(204).send(null)
    },
  )
}

type Places = {
  /** Ids of the folders that clients do not see. */
  unlisted: string[]
  /** @param id null: of a thread that the mailbox only sent. */
  folderOf(id: string | null): ThreadFolder
  foldersOf(folder: ThreadFolder): (string | null)[]
}

async function placesOf(
  platform: Platform,
  scope: Scope,
  { email_address: ref }: { email_address: string },
): Promise<{ owner: MailboxOwner; mailboxId: string; places: Places }> {
  const mailbox = await findMailbox(platform, scope, ref)
  const owner = storedOwnerOf(mailbox)
  const folders = await listFoldersIn(platform.db, mailbox.id)
  const isUnlisted = ({ special_use: use }: Folder): boolean => use === 'trash' || use === 'drafts'
  const listed = new Map(folders.filter((one) => !isUnlisted(one)).map((one) => [one.id, placeOf(one)]))
  return {
    owner,
    mailboxId: mailbox.id,
    places: {
      unlisted: folders.filter(isUnlisted).map(({ id }) => id),
      folderOf: (id) => (id === null ? 'inbox' : (listed.get(id) ?? 'archive')),
      foldersOf: (folder) => [
        ...(folder === 'inbox' ? [null] : []),
        ...[...listed].filter(([, place]) => place === folder).map(([id]) => id),
      ],
    },
  }
}

/** What somebody filed away is archived, whatever they call the folder. */
function placeOf({ special_use: use, path }: Folder): ThreadFolder {
  if (use === 'inbox' || use === 'sent') return 'inbox'
  if (use === 'junk') return 'spam'
  return path === blockedFolderPath ? 'blocked' : 'archive'
}

/** @throws Refusal thread_not_found. */
async function requireThread(db: Db, mailboxId: string, places: Places, id: string): Promise<ThreadSummary> {
  const filter = { withoutFolders: places.unlisted }
  const thread = isId(id) ? await summarizeThread(db, mailboxId, id, filter) : null
  if (thread === null) throw new Refusal('thread_not_found')
  return thread
}

function threadView(mailboxId: string, places: Places, thread: ThreadSummary): Static<typeof ThreadView> {
  return {
    id: thread.id,
    mailbox_id: mailboxId,
    subject: thread.firstSubject === null ? null : decodeHeaderText(thread.firstSubject),
    folder: places.folderOf(thread.placedFolderId),
    status: 'active',
    message_count: thread.messageCount,
    last_message_at: thread.newest.internalDate.toISOString(),
    created_at: thread.startedAt.toISOString(),
  }
}
