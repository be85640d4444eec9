/** SEARCH and UID SEARCH, RFC 9051 §6.4.4. How a folder is searched is in ../search/. */
import type { Reply } from '../reply.ts'
import { answerSearch } from '../search/extended-search.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function search(session: SelectedSession, command: CommandOf<'SEARCH'>): Promise<Reply> {
  return await answerSearch(session, command, async (uids) => uids)
}
