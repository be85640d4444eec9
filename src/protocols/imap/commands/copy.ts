/** COPY and UID COPY, RFC 9051 §6.4.7. */
import { type CopyResult, copyMessages } from '../../../messages/copies.ts'
import { folderNamed } from '../../../messages/known-folders.ts'
import { transaction } from '../../../platform/database.ts'
import { bad, no, ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeSequenceSet } from '../syntax/sequence-set.ts'
import { uidRangesOf } from '../view.ts'

export async function copy(session: SelectedSession, command: CommandOf<'COPY'>): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  const target = await folderNamed(platform, owner.mailboxId, command.mailbox)
  if (target === null) return noSuchTarget
  const copied = await transaction(platform.db, (tx) =>
    copyMessages(platform, tx, owner, view.folderId, wanted.ranges, target.id),
  )
  return ok('COPY completed', copyUid(copied))
}

/** RFC 9051 §7.1: the client may create the folder and try again. */
export const noSuchTarget = no('TRYCREATE', 'There is no such mailbox')

/** COPYUID, RFC 4315 §3; null when there was nothing to copy. */
export function copyUid({ uidvalidity, sourceUids, destinationUids }: CopyResult): string | null {
  if (sourceUids.length === 0) return null
  return `COPYUID ${uidvalidity} ${encodeSequenceSet(sourceUids)} ${encodeSequenceSet(destinationUids)}`
}
