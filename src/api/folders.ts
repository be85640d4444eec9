/** /v1/mailboxes/{mailbox}/folders: the folders, what they hold, and what the mailbox may hold. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import {
  createFolder,
  deleteFolder,
  type Folder,
  listFolders,
  listFoldersIn,
  setSubscribed,
} from '../messages/folders.ts'
import { chooseFolder } from '../messages/message-list.ts'
import { quotaOf } from '../messages/quotas.ts'
import { renameFolder } from '../messages/rename.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { type PreviewBody, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, Nullable, OneOf } from './schemas.ts'

const FolderView = Type.Object(
  {
    id: Id,
    path: Type.String({ description: 'Levels are separated by “/”.' }),
    special_use: Nullable(Type.String(), 'What it is for, as “trash” (RFC 6154).'),
    subscribed: Type.Boolean(),
    messages: Type.Integer(),
    unseen: Type.Integer(),
    size_bytes: Type.Integer(),
    created_at: Moment,
  },
  { title: 'Folder' },
)

const FoldersView = Type.Object({
  data: Type.Array(FolderView, { description: 'In the order of their paths.' }),
  usage: Type.Object({ bytes: Type.Integer(), messages: Type.Integer() }),
  quota: Type.Object({
    bytes: Nullable(Type.Integer(), 'Null: unlimited.'),
    messages: Nullable(Type.Integer(), 'Null: unlimited.'),
  }),
})

const tags = ['messages']

const FolderPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  folder: Type.String({
    description: 'Its id, its path (percent-encoded), or what it is for, as `archive`.',
  }),
})

/** Far above what a path may have, so that the core can say what is wrong with it. */
const Path = Type.String({ minLength: 1, maxLength: 2000, description: 'Levels are separated by “/”.' })
const Subscribed = Type.Boolean({ description: 'Whether mail programs show it.' })

const changeCodes = [
  'mailbox_not_found',
  'service_cannot',
  'folder_exists',
  'folder_name_invalid',
  'folder_limit_reached',
] as const

export function folderRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/folders',
    {
      schema: {
        summary: 'List a mailbox’s folders, with usage and quota',
        tags,
        params: MailboxPath,
        response: { 200: FoldersView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const owner = subject(await getMailbox(platform, scopeOf(request), request.params.mailbox))
      const folders = await listFolders(platform, owner.mailboxId)
      const { usage, limits } = await quotaOf(platform, owner)
      return {
        data: folders.map(folderView),
        usage: { bytes: usage.bytes, messages: usage.messages },
        quota: { bytes: limits.bytes, messages: limits.messages },
      }
    },
  )
  createRoute(app, platform)
  changeRoute(app, platform)
  deleteRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/folders',
    {
      schema: {
        summary: 'Create a folder',
        description: 'Levels above it that are missing are made, too.',
        tags,
        params: MailboxPath,
        body: Type.Object(
          {
            path: Path,
            special_use: Type.Optional(
              OneOf(
                ['archive', 'drafts', 'junk', 'sent', 'trash'],
                'What it is for; one folder of a mailbox for each.',
              ),
            ),
            subscribed: Type.Optional(
              Type.Boolean({ description: 'Whether mail programs show it. Default: true.' }),
            ),
          },
          closed,
        ),
        response: { 201: FolderView, ...postProblems(...changeCodes, 'special_use_taken') },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const owner = await getStoredMailbox(platform, scope, request.params.mailbox)
      const { path, special_use: specialUse = null, subscribed = true } = request.body
      return mutate(platform, request, reply, async (tx) => {
        const made = await createFolder(platform, tx, owner, path, specialUse)
        if (made.subscribed !== subscribed) await setSubscribed(platform, tx, owner, made.path, subscribed)
        return { status: 201, body: folderView({ ...made, subscribed }) }
      })
    },
  )
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox/folders/:folder',
    {
      schema: {
        summary: 'Rename or subscribe a folder',
        description:
          'Folders below it move with it, and so do subscriptions. Renaming INBOX moves its messages into a new folder.',
        tags,
        params: FolderPath,
        body: Type.Object({ path: Type.Optional(Path), subscribed: Type.Optional(Subscribed) }, closed),
        response: { 200: FolderView, ...writeProblems(...changeCodes, 'folder_not_found') },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const owner = await getStoredMailbox(platform, scope, request.params.mailbox)
      const { path, subscribed } = request.body
      return mutate(platform, request, reply, async (tx) => {
        const before = await findOne(tx, owner.mailboxId, request.params.folder)
        if (path !== undefined && path !== before.path) {
          await renameFolder(platform, tx, owner, before.path, path)
        }
        // INBOX stays, and what was in it is in another folder.
        const now = await findOne(tx, owner.mailboxId, before.path === 'INBOX' && path ? path : before.id)
        if (subscribed !== undefined) await setSubscribed(platform, tx, owner, now.path, subscribed)
        return { status: 200, body: folderView({ ...now, subscribed: subscribed ?? now.subscribed }) }
      })
    },
  )
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/folders/:folder',
    {
      schema: {
        summary: 'Delete a folder with its messages',
        description:
          'Folders below it stay. Its messages can be restored for as long as restore_days of the mailbox’s policy says.',
        tags,
        params: FolderPath,
        querystring: Type.Object(
          { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
          closed,
        ),
        response: {
          200: Type.Unsafe<PreviewBody>({ type: 'object', additionalProperties: true }),
          204: Type.Null({ description: 'It is gone.' }),
          ...writeProblems('mailbox_not_found', 'service_cannot', 'folder_not_found', 'folder_is_inbox'),
        },
      },
      config: { documented: { replies: { 200: PreviewView } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const owner = await getStoredMailbox(platform, scope, request.params.mailbox)
      const work = async (tx: Tx): Promise<Folder> => {
        const folder = await findOne(tx, owner.mailboxId, request.params.folder)
        await deleteFolder(platform, tx, owner, folder.path)
        return folder
      }
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { id, path, message_count: count } = await work(tx)
          return {
            objects: [{ type: 'folder', action: 'delete', id, name: path, state: 'deleted' }],
            notes: [`${count} messages would be removed with it.`],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await work(tx)
        return { status: 204, body: undefined }
      })
    },
  )
}

/** @throws Refusal folder_not_found. */
async function findOne(tx: Tx, mailboxId: string, name: string): Promise<Folder> {
  return chooseFolder(await listFoldersIn(tx, mailboxId), name)
}

function folderView(folder: Folder): Static<typeof FolderView> {
  return {
    id: folder.id,
    path: folder.path,
    special_use: folder.special_use,
    subscribed: folder.subscribed,
    messages: folder.message_count,
    unseen: folder.unseen_count,
    size_bytes: folder.size_bytes,
    created_at: folder.created_at.toISOString(),
  }
}
