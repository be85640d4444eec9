/** SORT and UID SORT, RFC 5256 §3. */
import { sortMessages } from '../../../messages/sort/sort.ts'
import type { Reply } from '../reply.ts'
import { answerSearch } from '../search/extended-search.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function sort(session: SelectedSession, command: CommandOf<'SORT'>): Promise<Reply> {
  const { platform, state } = session
  return await answerSearch(session, command, async (uids, progress) => {
    const onProgress = (read: number): void => progress(read, uids.length)
    return await sortMessages(platform, state.view, uids, command.order, { onProgress })
  })
}
