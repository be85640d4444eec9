/** STLS, RFC 2595 §4. */
import { bad, encodeReply, ok, type Reply } from '../reply.ts'
import { type AuthorizationSession, enter } from '../session.ts'

export async function stls(session: AuthorizationSession): Promise<Reply | null> {
  const { transport } = session
  if (transport.tls !== null) return bad('TLS is active already')
  if (session.utf8) return bad('STLS comes before UTF8') // RFC 6856 §2.1
  enter(session, { name: 'authorization', username: null }) // what was said in the clear does not count
  const secured = await transport.startTls(encodeReply(ok('Begin the TLS negotiation now')))
  if (!secured) transport.input.close()
  return null
}
