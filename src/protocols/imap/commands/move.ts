/** MOVE and UID MOVE, RFC 9051 §6.4.8. */
import { moveMessages } from '../../../messages/copies.ts'
import { folderNamed } from '../../../messages/known-folders.ts'
import { transaction } from '../../../platform/database.ts'
import { bad, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { uidRangesOf } from '../view.ts'
import { copyUid, noSuchTarget } from './copy.ts'
import { expungedCode } from './expunge.ts'

export async function move(session: SelectedSession, command: CommandOf<'MOVE'>): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  if (view.readOnly) return readOnlyFolder
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  const target = await folderNamed(platform, owner.mailboxId, command.mailbox)
  if (target === null) return noSuchTarget
  const moved = await transaction(platform.db, (tx) =>
    moveMessages(platform, tx, owner, view.folderId, wanted.ranges, target.id),
  )
  // RFC 6851 §4.3: before the EXPUNGE or VANISHED responses, so that the client knows where the messages went.
  const code = copyUid(moved)
  if (code !== null) await session.transport.output.write(`* OK [${code}] Moved\r\n`)
  const { sourceModseq } = moved
  return ok('MOVE completed', sourceModseq === null ? null : expungedCode(session, sourceModseq)) // §4.4
}
