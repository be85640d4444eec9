/**
 * DNS questions whose answers must be authentic: asked with DO and AD of the configured resolver, which validates
 * DNSSEC and says so by the AD bit (RFC 4035 §3.2.3). node:dns does not show that bit.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import * as dnsPacket from 'dns-packet'
import { DnsFailure } from './dns.ts'

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

type Decoded = dnsPacket.DecodedPacket & { rcode?: string }

async function ask(resolver: string, name: string, type: SecureType): Promise<Decoded> {
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
  const server = serverOf(resolver)
  const isReply = (packet: Decoded): boolean =>
    packet.id === id &&
    packet.type === 'response' &&
    packet.questions?.[0]?.name.toLowerCase() === name.toLowerCase()
  const first = await overUdp(server, query, isReply)
  return first.flag_tc === true ? await overTcp(server, query, isReply) : first
}

type Server = { host: string; port: number }

function serverOf(resolver: string): Server {
  const at = resolver.lastIndexOf(':')
  return { host: resolver.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(resolver.slice(at + 1)) }
}

function overUdp(
  { host, port }: Server,
  query: Buffer,
  isReply: (packet: Decoded) => boolean,
): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      socket.close()
      act()
    }
    const timer = setTimeout(() => settle(() => reject(new Error('no answer in time'))), queryMsMax)
    socket.once('error', (error) => settle(() => reject(error)))
    socket.on('message', (bytes) => {
      const packet = decode(bytes)
      if (packet && isReply(packet)) settle(() => resolve(packet))
    })
    // Connected: what comes from elsewhere is not even seen.
    socket.connect(port, host, () => socket.send(query))
  })
}

function overTcp(
  { host, port }: Server,
  query: Buffer,
  isReply: (packet: Decoded) => boolean,
): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let held: Buffer = Buffer.alloc(0)
    const fail = (why: string) => (): void => {
      socket.destroy()
      reject(new Error(why))
    }
    socket.setTimeout(queryMsMax, fail('no answer in time'))
    socket.once('error', fail('the connection failed'))
    socket.once('end', fail('the connection ended'))
    socket.once('connect', () => {
      const size = Buffer.alloc(2)
      size.writeUInt16BE(query.length)
      socket.write(Buffer.concat([size, query]))
    })
    socket.on('data', (bytes) => {
      held = Buffer.concat([held, bytes])
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return
      const packet = decode(held.subarray(2, 2 + held.readUInt16BE(0)))
      socket.destroy()
      if (packet && isReply(packet)) resolve(packet)
      else reject(new Error('the answer is not one to the question'))
    })
  })
}

function decode(bytes: Buffer): Decoded | null {
  try {
    return dnsPacket.decode(bytes)
  } catch {
    return null
  }
}
