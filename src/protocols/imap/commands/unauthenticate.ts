/** UNAUTHENTICATE, RFC 8437: the connection is as before its login, and may be used for another. */
import { bad, encodeReply, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, leaveMailbox } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function unauthenticate(
  session: AuthenticatedSession,
  { tag }: CommandOf<'UNAUTHENTICATE'>,
): Promise<Reply | null> {
  const { transport, platform } = session
  if (platform.config.imapUnauthenticate === 'off') return bad('UNAUTHENTICATE is not offered')
  leaveMailbox(session)
  if (!transport.isCompressed) return ok('Logged out')
  await transport.stopCompression(encodeReply(tag, ok('Logged out, DEFLATE ended')))
  return null
}
