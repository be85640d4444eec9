/** STARTTLS, RFC 9051 §6.2.1. */
import { bad, encodeReply, ok, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function startTls(
  { transport }: Session,
  command: CommandOf<'STARTTLS'>,
): Promise<Reply | null> {
  if (transport.tls !== null) return bad('TLS is active already')
  if (transport.isCompressed) return bad('Compression is active already') // TLS lies below it (RFC 4978 §3)
  const secured = await transport.startTls(encodeReply(command.tag, ok('Begin the TLS negotiation now')))
  if (!secured) transport.input.close()
  return null
}
