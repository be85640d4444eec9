/** One DNS question to one server: over UDP, and over TCP when the answer did not fit (RFC 1035 §4.2, RFC 7766). */
import * as dnsPacket from 'dns-packet'
import { type DnsServer, ExchangeFailure, exchangeTcp, exchangeUdp } from './dns-wire/client.ts'

export type { DnsServer } from './dns-wire/client.ts'

export type DnsReply = dnsPacket.DecodedPacket & { rcode?: string }

const messageBytesMax = 2 + 65_535

/**
 * Sends a query that is encoded already, from a port that nobody can guess (RFC 5452 §9.2). What comes from elsewhere
 * than the server is not even seen, and what is no answer to the question is passed over.
 * @param isReply whether a packet answers this question: its id, its question.
 * @param msMax how long each of UDP and TCP may take.
 * @throws ExchangeFailure when no answer comes in time, or the connection fails.
 */
export async function exchange(
  server: DnsServer,
  query: Buffer,
  isReply: (packet: DnsReply) => boolean,
  msMax: number,
): Promise<DnsReply> {
  const accept = (bytes: Buffer): DnsReply | null => {
    const packet = decode(bytes)
    return packet && isReply(packet) ? packet : null
  }
  const first = await exchangeUdp(server, query, accept, msMax)
  if (first.flag_tc !== true) return first
  const replies: DnsReply[] = []
  const take = (bytes: Buffer): 'done' => {
    const reply = accept(bytes)
    if (reply === null) throw new ExchangeFailure('the answer is not one to the question')
    replies.push(reply)
    return 'done'
  }
  await exchangeTcp(server, query, take, { msMax, totalMsMax: msMax, bytesMax: messageBytesMax })
  const [reply] = replies
  if (reply === undefined) throw new ExchangeFailure('there was no answer')
  return reply
}

function decode(bytes: Buffer): DnsReply | null {
  try {
    return dnsPacket.decode(bytes)
  } catch {
    return null
  }
}
