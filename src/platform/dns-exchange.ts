/** One DNS question to one server: over UDP, and over TCP when the answer did not fit (RFC 1035 §4.2, RFC 7766). */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import * as dnsPacket from 'dns-packet'

export type DnsServer = { host: string; port: number }

export type DnsReply = dnsPacket.DecodedPacket & { rcode?: string }

/**
 * Sends a query that is encoded already. What comes from elsewhere than the server is not even seen, and what is no
 * answer to the question is passed over.
 * @param isReply whether a packet answers this question: its id, its question.
 * @param msMax how long each of UDP and TCP may take.
 * @throws Error when no answer comes in time, or the connection fails.
 */
export async function exchange(
  server: DnsServer,
  query: Buffer,
  isReply: (packet: DnsReply) => boolean,
  msMax: number,
): Promise<DnsReply> {
  const first = await overUdp(server, query, isReply, msMax)
  return first.flag_tc === true ? await overTcp(server, query, isReply, msMax) : first
}

function overUdp(
  { host, port }: DnsServer,
  query: Buffer,
  isReply: (packet: DnsReply) => boolean,
  msMax: number,
): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    // A socket for each question has a port that nobody can guess (RFC 5452 §9.2).
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    let isSettled = false
    const settle = (act: () => void): void => {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      socket.close()
      act()
    }
    const timer = setTimeout(() => settle(() => reject(new Error('no answer in time'))), msMax)
    socket.on('error', (error) => settle(() => reject(error)))
    socket.on('message', (bytes) => {
      const packet = decode(bytes)
      if (packet && isReply(packet)) settle(() => resolve(packet))
    })
    // The time may be over already on a busy machine, and a closed socket cannot send.
    socket.once('connect', () => isSettled || socket.send(query))
    // Connected: what comes from elsewhere is not even seen. An address without a way to it is an 'error': not so with
    // a callback, which is called for both.
    socket.connect(port, host)
  })
}

function overTcp(
  { host, port }: DnsServer,
  query: Buffer,
  isReply: (packet: DnsReply) => boolean,
  msMax: number,
): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let held: Buffer = Buffer.alloc(0)
    const fail = (why: string) => (): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(why))
    }
    // In all, not between two packets: a server that sends a byte now and then does not hold us.
    const timer = setTimeout(fail('no answer in time'), msMax)
    socket.on('error', fail('the connection failed'))
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
      clearTimeout(timer)
      socket.destroy()
      if (packet && isReply(packet)) resolve(packet)
      else reject(new Error('the answer is not one to the question'))
    })
  })
}

function decode(bytes: Buffer): DnsReply | null {
  try {
    return dnsPacket.decode(bytes)
  } catch {
    return null
  }
}
