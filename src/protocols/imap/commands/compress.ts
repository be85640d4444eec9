/** COMPRESS, RFC 4978 §3. */
import { bad, encodeReply, no, ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function compress(
  { transport }: AuthenticatedSession,
  { tag, mechanism }: CommandOf<'COMPRESS'>,
): Promise<Reply | null> {
  if (mechanism !== 'DEFLATE') return bad('Unknown compression mechanism')
  if (transport.isCompressed) return no('COMPRESSIONACTIVE', 'DEFLATE is active already')
  await transport.startCompression(encodeReply(tag, ok('DEFLATE active')))
  return null
}
