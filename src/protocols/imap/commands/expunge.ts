/** EXPUNGE and UID EXPUNGE, RFC 9051 §6.4.3 and RFC 4315 §2.1. EXPUNGE or VANISHED responses are the folder's news. */
import { commitExpunge } from '../../../messages/quick-changes.ts'
import { bad, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { uidRangesOf } from '../view.ts'

export async function expunge(session: SelectedSession, command: CommandOf<'EXPUNGE'>): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  if (view.readOnly) return readOnlyFolder
  const wanted = command.uid ? uidRangesOf(view, command.set, true) : null
  if (wanted?.ok === false) return bad(wanted.text)
  const ranges = wanted?.ranges ?? null
  const { uids, highestModseq } = await commitExpunge(platform, owner, view.folderId, ranges)
  return ok('EXPUNGE completed', uids.length === 0 ? null : expungedCode(session, highestModseq))
}

/** RFC 7162 §3.2.7: where the folder stands after an expunge, for a client that knows MODSEQs. */
export function expungedCode(session: SelectedSession, highestModseq: number): string | null {
  return session.enabled.has('CONDSTORE') ? `HIGHESTMODSEQ ${highestModseq}` : null
}
