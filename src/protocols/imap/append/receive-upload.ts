/** An APPEND or REPLACE that brings literals, from the announcement of the first one to its answer. */
import { prepareAppend } from '../commands/append.ts'
import { prepareReplace } from '../commands/replace.ts'
import { withUpdates } from '../dispatch.ts'
import { bad, type Reply } from '../reply.ts'
import { isAuthenticated, isSelected, type Session } from '../session.ts'
import type { UploadCommand } from '../syntax/commands.ts'
import type { LiteralAnnounced } from '../syntax/framing.ts'
import { storeLiterals } from './run.ts'

/** `UID REPLACE` and the like, as dispatch.ts names commands. */
export function uploadLabel(command: UploadCommand): string {
  return command.name === 'REPLACE' && command.uid ? 'UID REPLACE' : command.name
}

/** @returns null when the client is gone. */
export async function receiveUpload(
  session: Session,
  announced: LiteralAnnounced,
  command: UploadCommand,
): Promise<Reply | null> {
  const { input } = session.transport
  if (!isAuthenticated(session)) {
    input.refuseLiteral()
    return bad('Log in first')
  }
  if (command.name === 'APPEND') {
    const reply = await storeLiterals(session, announced, command, () => prepareAppend(session, command))
    return await withUpdates(session, reply, 'all', { looks: false, removes: false })
  }
  if (!isSelected(session)) {
    input.refuseLiteral()
    return bad('Select a mailbox first')
  }
  const reply = await storeLiterals(session, announced, command, () => prepareReplace(session, command))
  return await withUpdates(session, reply, 'all', { looks: reply?.condition === 'OK', removes: true })
}
