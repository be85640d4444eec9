/** Full-text search over the mailboxes of a workspace: one after another, since each has an index of its own. */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Platform } from '../../platform/platform.ts'
import { type MessageSummary, readSummariesOfMany } from '../read-message.ts'
import type { MessageQuery } from './message-query.ts'
import { searchMailbox } from './message-search.ts'

/** Of a larger workspace the mailboxes that were made last are searched. */
const mailboxesMax = 1000

/** The newest messages that match, newest first. */
export async function searchWorkspace(
  platform: Platform,
  { workspaceId, mailboxId }: Scope,
  query: MessageQuery,
  limit: number,
): Promise<MessageSummary[]> {
  const { rows: mailboxes } = await sql<{ id: string }>`
    select id from mailboxes where workspace_id = ${workspaceId}::uuid and service = 'local'
      and state not in ('deletion_scheduled', 'deleted')
      and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)
    order by id desc limit ${mailboxesMax}`.execute(platform.db)
  let newest: { id: string; mailboxId: string }[] = []
  for (const { id: own } of mailboxes) {
    const { rows } = await searchMailbox(platform, own, query, { limit, after: null })
    newest = [...newest, ...rows.map(({ id }) => ({ id, mailboxId: own }))]
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit)
  }
  return await readSummariesOfMany(platform, newest)
}
