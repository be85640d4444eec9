/**
 * CLOSE, RFC 9051 §6.4.1: removes what is marked \Deleted without a word, unless the folder is read-only. Nor is
 * HIGHESTMODSEQ told: the client did not hear of the expunges below it (RFC 7162 §3.2.8).
 */
import { commitExpunge } from '../../../messages/quick-changes.ts'
import { Refusal } from '../../../platform/errors.ts'
import { ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import { leaveFolder } from './unselect.ts'

export async function close(session: SelectedSession): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  if (!view.readOnly) {
    await commitExpunge(platform, owner, view.folderId, null).catch((error: unknown) => {
      const isGone = error instanceof Refusal && error.code === 'folder_not_found'
      if (!isGone) throw error // a folder that is gone has nothing left to remove
    })
  }
  leaveFolder(session)
  return ok('CLOSE completed')
}
