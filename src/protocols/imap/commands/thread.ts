/** THREAD and UID THREAD, RFC 5256 §3. */
import { threadMessages } from '../../../messages/threads/thread-tree-read.ts'
import { ok, type Reply } from '../reply.ts'
import { withProgress } from '../search/progress.ts'
import { badCharset, conflictingCharset, findMessages } from '../search/searching.ts'
import { encodeThreads } from '../search/thread-response.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { savedUids, sequenceOf } from '../view.ts'

export async function thread(session: SelectedSession, command: CommandOf<'THREAD'>): Promise<Reply> {
  const { platform, state, transport } = session
  const { view } = state
  const conflict = conflictingCharset(session, command)
  if (conflict !== null) return conflict
  if (!command.charsetKnown) return badCharset
  const threads = await withProgress(transport.output, command.tag, async (progress) => {
    const uids = await findMessages(session, command.criteria, savedUids(view), progress)
    const onProgress = (read: number): void => progress(read, uids.length)
    return await threadMessages(platform, view, uids, command.algorithm, { onProgress })
  })
  const numberOf = (uid: number): number => (command.uid ? uid : (sequenceOf(view, uid) ?? 0))
  for (const piece of encodeThreads(threads, numberOf)) await transport.output.write(piece)
  return ok('THREAD completed')
}
