/** A DNS client for tests: it asks over UDP and TCP and shows answers as text, a line for each record. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import * as dnsPacket from 'dns-packet'
import { addressOf } from './child-server.ts'

export type DnsReply = {
  bytes: Buffer
  packet: dnsPacket.DecodedPacket
  rcode: string
  /** As in `aa`, `tc`, `rd`. */
  flags: string[]
  answers: string[]
  authority: string[]
  additional: string[]
  /** The OPT record, if there is one. */
  opt: dnsPacket.OptAnswer | null
  /** Its cookie. */
  cookie: Buffer | null
}

export type Asking = {
  /** `host:port`, as in endpoints.json. */
  server: string
  over?: 'udp' | 'tcp'
  edns?: { payload?: number; dnssecOk?: boolean; version?: number; cookie?: Buffer }
  recursionDesired?: boolean
  class?: dnsPacket.RecordClass
}

const waitMsMax = 5_000

/** @throws when there is no answer in time. */
export async function ask(name: string, type: string, asking: Asking): Promise<DnsReply> {
  const id = Math.floor(Math.random() * 65_536)
  const reply = await exchange(encodeQuery(id, name, type, asking), asking)
  if (reply === null) throw new Error(`no answer to ${type} ${name}`)
  const decoded = decodeReply(reply)
  if (decoded.packet.id !== id) throw new Error('the answer is to another question')
  return decoded
}

const changeMsMax = 10_000

/** Asks until the answer has this code: a change reaches the server a moment after its commit. */
export async function askUntil(rcode: string, name: string, type: string, asking: Asking): Promise<DnsReply> {
  const deadline = performance.now() + changeMsMax
  for (;;) {
    const reply = await ask(name, type, asking)
    if (reply.rcode === rcode) return reply
    if (performance.now() > deadline) throw new Error(`${type} ${name} is still ${reply.rcode}`)
  }
}

export function encodeQuery(id: number, name: string, type: string, asking: Omit<Asking, 'server'>): Buffer {
  const query = dnsPacket.encode({
    type: 'query',
    id,
    flags: asking.recursionDesired ? dnsPacket.RECURSION_DESIRED : 0,
    questions: [{ name, type: type as dnsPacket.RecordType, class: asking.class ?? 'IN' }],
  })
  return asking.edns === undefined ? query : withOpt(query, asking.edns)
}

/** The library knows no cookies. */
function withOpt(query: Buffer, edns: NonNullable<Asking['edns']>): Buffer {
  const { payload = 1232, dnssecOk = false, version = 0, cookie } = edns
  const fields = Buffer.alloc(11)
  fields.writeUInt16BE(41, 1)
  fields.writeUInt16BE(payload, 3)
  fields[6] = version
  fields[7] = dnssecOk ? 0x80 : 0
  fields.writeUInt16BE(cookie === undefined ? 0 : 4 + cookie.length, 9)
  query.writeUInt16BE(query.readUInt16BE(10) + 1, 10)
  const option = cookie === undefined ? [] : [Buffer.of(0, 10, 0, cookie.length), cookie]
  return Buffer.concat([query, fields, ...option])
}

/** Sends bytes as they are. @returns the first answer, or null after `msMax` without one. */
export async function exchange(
  query: Buffer,
  { server, over = 'udp' }: Pick<Asking, 'server' | 'over'>,
  msMax = waitMsMax,
): Promise<Buffer | null> {
  return over === 'udp' ? await exchangeUdp(query, server, msMax) : await exchangeTcp(query, server, msMax)
}

async function exchangeUdp(query: Buffer, server: string, msMax: number): Promise<Buffer | null> {
  const { host, port } = addressOf(server)
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.send(query, port, host)
    const [reply] = await once(socket, 'message', { signal: AbortSignal.timeout(msMax) })
    return reply as Buffer // a socket has no other kind of message
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return null
    throw error
  } finally {
    socket.close()
  }
}

async function exchangeTcp(query: Buffer, server: string, msMax: number): Promise<Buffer | null> {
  const [first = null] = await exchangeMany([query], server, 1, msMax)
  return first
}

/** Sends queries in one go over one connection. @returns as many answers as were wanted, or came before it closed. */
export async function exchangeMany(
  queries: readonly Buffer[],
  server: string,
  wanted: number,
  msMax = waitMsMax,
): Promise<Buffer[]> {
  const { host, port } = addressOf(server)
  const socket = connect(port, host)
  const timer = setTimeout(() => socket.destroy(), msMax)
  const replies: Buffer[] = []
  let held: Buffer = Buffer.alloc(0)
  try {
    socket.write(Buffer.concat(queries.flatMap((query) => [lengthOf(query), query])))
    for await (const chunk of socket) {
      held = Buffer.concat([held, chunk as Buffer]) // no encoding is set
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0)
        replies.push(held.subarray(2, end))
        held = held.subarray(end)
      }
      if (replies.length >= wanted) break
    }
  } catch {
    // It was cut: what came is what there is.
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
  return replies
}

function lengthOf(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return length
}

export function decodeReply(bytes: Buffer): DnsReply {
  const packet = dnsPacket.decode(bytes)
  const opt = packet.additionals?.find((one) => one.type === 'OPT') ?? null
  const rcode = bytes.readUInt8(3) & 0xf
  const extended = opt?.type === 'OPT' ? (opt.extendedRcode << 4) | rcode : rcode
  const texts = (records: dnsPacket.Answer[] | undefined): string[] =>
    (records ?? []).filter(({ type }) => type !== 'OPT').map(recordText)
  return {
    bytes,
    packet,
    rcode: rcodeNames[extended] ?? String(extended),
    flags: [
      ...(packet.flag_aa ? ['aa'] : []),
      ...(packet.flag_tc ? ['tc'] : []),
      ...(packet.flag_rd ? ['rd'] : []),
      ...(packet.flag_ra ? ['ra'] : []),
      ...(packet.flag_cd ? ['cd'] : []),
    ],
    answers: texts(packet.answers),
    authority: texts(packet.authorities),
    additional: texts(packet.additionals),
    opt: opt?.type === 'OPT' ? opt : null,
    cookie: opt?.type === 'OPT' ? cookieOf(opt) : null,
  }
}

function cookieOf({ options }: dnsPacket.OptAnswer): Buffer | null {
  const found: { code: unknown; data?: unknown } | undefined = options.find(
    (option: { code: unknown }) => String(option.code) === '10' || option.code === 'COOKIE',
  )
  return Buffer.isBuffer(found?.data) ? found.data : null
}

const rcodeNames: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  9: 'NOTAUTH',
  16: 'BADVERS',
}

/** `NAME TTL TYPE VALUE`, the value as a zone file has it. */
function recordText(record: dnsPacket.Answer): string {
  const ttl = 'ttl' in record ? record.ttl : 0
  return `${record.name} ${ttl} ${record.type} ${valueText(record)}`
}

function valueText(record: dnsPacket.Answer): string {
  switch (record.type) {
    case 'MX':
      return `${record.data.preference ?? 0} ${record.data.exchange}`
    case 'SRV':
      return `${record.data.priority ?? 0} ${record.data.weight ?? 0} ${record.data.port} ${record.data.target}`
    case 'TXT':
      return [record.data]
        .flat()
        .map((text) => JSON.stringify(String(text)))
        .join(' ')
    case 'SOA':
      return `${record.data.mname} ${record.data.rname} ${record.data.minimum ?? 0}`
    case 'CAA':
      return `${record.data.flags ?? 0} ${record.data.tag} "${record.data.value}"`
    case 'TLSA':
      return `${record.data.usage} ${record.data.selector} ${record.data.matchingType} ${record.data.certificate.toString('hex')}`
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return record.data
    default:
      return 'data' in record && Buffer.isBuffer(record.data) ? record.data.toString('hex') : ''
  }
}
