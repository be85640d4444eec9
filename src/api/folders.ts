/** GET /v1/mailboxes/{mailbox}/folders: the folders, what they hold, and what the mailbox may hold. */
import { type Static, Type } from 'typebox'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import { type Folder, listFolders } from '../messages/folders.ts'
import { quotaOf } from '../messages/quotas.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Id, Moment, Nullable } from './schemas.ts'

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

export function folderRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/folders',
    {
      schema: {
        summary: 'List a mailbox’s folders, with usage and quota',
        tags: ['messages'],
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
