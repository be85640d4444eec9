/**
 * DNS questions whose answers must be authentic: asked with DO and AD of the configured resolver, which validates
 * DNSSEC and says so by the AD bit (RFC 4035 §3.2.3). node:dns does not show that bit.
 */
import { randomInt } from 'node:crypto'
import * as dnsPacket from 'dns-packet'
import { DnsFailure } from './dns.ts'
import { type DnsReply, type DnsServer, exchange } from './dns-exchange.ts'

export type SecureType = 'A' | 'AAAA' | 'MX' | 'TLSA' | 'DS'

export type TlsaRecord = { usage: number; selector: number; mtype: number; cert: Buffer }

export type SecureAnswer = {
  /** Whether the resolver vouches for it, also where there is nothing. */
  isAuthentic: boolean
  answers: dnsPacket.Answer[]
}

const queryMsMax = 4_000
const triesMax = 2
const udpBytes = 1232 // DNS flag day 2020: passes without fragments

/**
 * Asks one question. A name without such records, or that does not exist, has no answers.
 * @param resolver `ip:port`.
 * @throws DnsFailure when there is no answer.
 */
export async function askSecurely(resolver: string, name: string, type: SecureType): Promise<SecureAnswer> {
  let failure: unknown = null
  for (let attempt = 0; attempt < triesMax; attempt++) {
    try {
      const reply = await ask(resolver, name, type)
      const code = reply.rcode ?? 'NOERROR'
      if (code !== 'NOERROR' && code !== 'NXDOMAIN') throw new DnsFailure(name, type, `E${code}`, null)
      return {
        isAuthentic: reply.flag_ad === true,
        answers: (reply.answers ?? []).filter((answer) => answer.type === type),
      }
    } catch (error) {
      failure = error
    }
  }
  throw failure instanceof DnsFailure ? failure : new DnsFailure(name, type, 'ETIMEOUT', failure)
}

/** TLSA records (RFC 6698) that the resolver vouches for; others are as good as none (RFC 7672 §2.1.1). */
export async function lookupTlsa(resolver: string, name: string): Promise<TlsaRecord[]> {
  const { isAuthentic, answers } = await askSecurely(resolver, name, 'TLSA')
  if (!isAuthentic) return []
  return answers.flatMap((answer) =>
    answer.type === 'TLSA'
      ? [
          {
            usage: answer.data.usage,
            selector: answer.data.selector,
            mtype: answer.data.matchingType,
            cert: answer.data.certificate,
          },
        ]
      : [],
  )
}

async function ask(resolver: string, name: string, type: SecureType): Promise<DnsReply> {
  const id = randomInt(1, 65_536)
  const query = dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.AUTHENTIC_DATA,
    questions: [{ type, name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: udpBytes,
        flags: dnsPacket.DNSSEC_OK,
        extendedRcode: 0,
        ednsVersion: 0,
        flag_do: true,
        options: [],
      },
    ],
  })
  const isReply = (packet: DnsReply): boolean =>
    packet.id === id &&
    packet.type === 'response' &&
    packet.questions?.[0]?.name.toLowerCase() === name.toLowerCase()
  return await exchange(serverOf(resolver), query, isReply, queryMsMax)
}

function serverOf(resolver: string): DnsServer {
  const at = resolver.lastIndexOf(':')
  return { address: resolver.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(resolver.slice(at + 1)) }
}
