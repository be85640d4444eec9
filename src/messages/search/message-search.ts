/** Full-text search over a whole mailbox, for the API: newest first, paged. The folders are searched one by one. */
import { sql } from 'kysely'
import { encodeCursor, type Page, type PageRequest } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import { canonicalPath, type Folder, listFolders } from '../folders.ts'
import type { Envelope } from '../mime/envelope.ts'
import type { ThreadMessage } from '../threads/thread-list.ts'
import type { MessageQuery } from './message-query.ts'
import { searchMessages } from './search.ts'

export type FoundMessage = ThreadMessage & { threadId: string; envelope: Envelope }

/**
 * Messages that match, newest first. A message that lies in several folders comes once in a page.
 * @param page `after` is the id of the last message of the page before.
 */
export async function searchMailbox(
  platform: Platform,
  mailboxId: string,
  query: MessageQuery,
  page: PageRequest,
): Promise<Page<FoundMessage>> {
  const found: FoundMessage[] = []
  for (const folder of chosenFolders(await listFolders(platform, mailboxId), query.folders)) {
    const place = { mailboxId, folderId: folder.id }
    const { criteria } = query
    const uids =
      criteria.length === 0 ? null : await searchMessages(platform, place, { kind: 'and', criteria })
    if (uids?.length !== 0) found.push(...(await readNewest(platform, place, uids, page)))
  }
  found.sort((a, b) => (a.id < b.id ? 1 : -1))
  const rows = withoutCopies(found).slice(0, page.limit)
  const last = rows.at(-1)
  const isMore = last !== undefined && found.some(({ id }) => id < last.id)
  return { rows, nextCursor: isMore ? encodeCursor(last.id) : null }
}

function chosenFolders(folders: readonly Folder[], wanted: MessageQuery['folders']): Folder[] {
  return folders.filter(({ message_count: count, path, special_use: use }) => {
    if (count === 0) return false
    if (wanted === 'all') return true
    if (wanted === null) return use !== 'trash' && use !== 'junk'
    if ('withoutUses' in wanted) return use === null || !wanted.withoutUses.includes(use)
    return 'use' in wanted ? use === wanted.use : path === canonicalPath(wanted.path)
  })
}

/** One more than the page has, to learn whether another follows. @param uids null: every message. */
async function readNewest(
  platform: Platform,
  { mailboxId, folderId }: { mailboxId: string; folderId: string },
  uids: readonly number[] | null,
  page: PageRequest,
): Promise<FoundMessage[]> {
  const older = page.after === null ? sql`` : sql`and id < ${page.after}::uuid`
  const { rows } = await sql<FoundMessage>`
    select page.*, envelope from (
      select id, folder_id as "folderId", uid, flags, keywords, internal_date as "internalDate",
        size_bytes as "sizeBytes", body_id as "bodyId", thread_id as "threadId"
      from messages where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
        ${uids === null ? sql`` : sql`and uid = any(${int8Array(uids)})`} ${older}
      order by id desc limit ${page.limit + 1}
    ) as page join bodies on bodies.id = page."bodyId"`.execute(platform.db)
  return rows
}

/** The first of each body. */
function withoutCopies(messages: readonly FoundMessage[]): FoundMessage[] {
  const bodies = new Set<string>()
  return messages.filter(({ bodyId }) => bodies.size < bodies.add(bodyId).size)
}
