/**
 * A name server for tests: it answers from a zone that the test writes, over UDP and TCP, and remembers what it was
 * asked. Names that are not in the zone do not exist; nothing ever leaves the machine.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import * as dnsPacket from 'dns-packet'

/** `{ 'demo.example': { MX: [[10, 'mx.demo.example']], TXT: ['v=spf1 -all'] } }`; TXT texts are cut up as needed. */
export type Zone = Record<string, ZoneRecords>

export type ZoneRecords = {
  A?: string[]
  AAAA?: string[]
  MX?: [priority: number, exchange: string][]
  TXT?: string[]
  CNAME?: string[]
  NS?: string[]
  PTR?: string[]
  SRV?: [priority: number, weight: number, port: number, target: string][]
  CAA?: [flags: number, tag: 'issue' | 'issuewild' | 'iodef', value: string][]
  DS?: { keyTag: number; algorithm: number; digestType: number; digest: Buffer }[]
  TLSA?: { usage: number; selector: number; matchingType: number; certificate: Buffer }[]
  /** Answer with this code instead, as a broken server does. */
  fails?: 'SERVFAIL' | 'REFUSED'
  /** Do not answer at all. */
  silent?: boolean
}

export type TestDns = AsyncDisposable & {
  /** `ip:port`, for MAILWRIGHT_RESOLVER. */
  resolver: string
  /** May be changed at any time. */
  zone: Zone
  /** What was asked so far, as `TYPE name`. */
  questions: string[]
  /** Whether answers carry the AD bit (RFC 4035 §3.2.3), as those of a validating resolver do. */
  authenticated: boolean
}

export async function startTestDns(zone: Zone = {}): Promise<TestDns> {
  const state = { zone, questions: [] as string[], authenticated: false }
  const server = await serveDns('127.0.0.1', 0, (bytes, bytesMax) => answer(state, bytes, bytesMax))
  return {
    resolver: `127.0.0.1:${server.port}`,
    get zone() {
      return state.zone
    },
    set zone(next: Zone) {
      state.zone = next
    },
    questions: state.questions,
    get authenticated() {
      return state.authenticated
    },
    set authenticated(value: boolean) {
      state.authenticated = value
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** Answers over UDP and TCP at one address; `reply` is given what came and how long its answer may be. */
export async function serveDns(
  host: string,
  wantedPort: number,
  reply: (bytes: Buffer, bytesMax: number) => Buffer | null,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { udp, tcp, port } = await bindBoth(host, wantedPort)
  udp.on('message', (bytes, from) => {
    const answered = reply(bytes, 1232)
    if (answered) udp.send(answered, from.port, from.address)
  })
  const sockets = new Set<Socket>()
  tcp.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    let held = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes])
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0)
        const answered = reply(held.subarray(2, 2 + length), 65_535)
        held = held.subarray(2 + length)
        if (!answered) continue
        const size = Buffer.alloc(2)
        size.writeUInt16BE(answered.length)
        socket.write(Buffer.concat([size, answered]))
      }
    })
  })
  return {
    port,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => tcp.close(() => resolve()))
      await new Promise<void>((resolve) => udp.close(() => resolve()))
    },
  }
}

const bindAttemptsMax = 20

/** One port for both. Any port that is free for the one may be somebody's for the other. */
async function bindBoth(
  host: string,
  wantedPort: number,
): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const udp = createSocket('udp4')
    udp.bind(wantedPort, host)
    await once(udp, 'listening')
    const { port } = udp.address()
    const tcp = createServer()
    tcp.listen(port, host)
    try {
      await once(tcp, 'listening')
      return { udp, tcp, port }
    } catch (error) {
      udp.close()
      if (wantedPort !== 0 || attempt === bindAttemptsMax) throw error
    }
  }
}

type State = Pick<TestDns, 'zone' | 'questions' | 'authenticated'>

const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const
const ttlSeconds = 60

function answer(state: State, bytes: Buffer, bytesMax: number): Buffer | null {
  const query = dnsPacket.decode(bytes)
  const [question] = query.questions ?? []
  if (!question) return null
  state.questions.push(`${question.type} ${question.name.toLowerCase()}`)
  const { rcode, answers, silent } = look(state.zone, question.name, question.type)
  if (silent) return null
  const flags = dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | rcode
  const reply = (more: { answers: dnsPacket.Answer[]; flags: number }): Buffer =>
    dnsPacket.encode({ type: 'response', id: query.id ?? 0, questions: [question], ...more })
  const whole = reply({
    answers,
    flags: flags | (state.authenticated ? dnsPacket.AUTHENTIC_DATA : 0),
  })
  return whole.length <= bytesMax
    ? whole
    : reply({ answers: [], flags: flags | dnsPacket.TRUNCATED_RESPONSE })
}

type Found = { rcode: number; answers: dnsPacket.Answer[]; silent: boolean }

function look(zone: Zone, name: string, type: string): Found {
  const wanted = name.toLowerCase()
  const records = zone[wanted]
  if (!records) return { rcode: rcodes.NXDOMAIN, answers: [], silent: false }
  if (records.silent) return { rcode: 0, answers: [], silent: true }
  if (records.fails) return { rcode: rcodes[records.fails], answers: [], silent: false }
  const base = { name, ttl: ttlSeconds, class: 'IN' as const }
  if (records.CNAME && type !== 'CNAME') {
    const [target = ''] = records.CNAME
    const rest = look(zone, target, type)
    return { ...rest, answers: [{ ...base, type: 'CNAME', data: target }, ...rest.answers] }
  }
  return { rcode: rcodes.NOERROR, answers: answersOf(records, type, base), silent: false }
}

/** The records of one type, as dns-packet writes them. */
export function answersOf(
  records: ZoneRecords,
  type: string,
  base: { name: string; ttl: number; class: 'IN' },
): dnsPacket.Answer[] {
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return (records[type] ?? []).map((data) => ({ ...base, type, data }))
    case 'MX':
      return (records.MX ?? []).map(([preference, exchange]) => ({
        ...base,
        type,
        data: { preference, exchange },
      }))
    case 'TXT':
      // A character-string has at most 255 bytes (RFC 1035 §3.3).
      return (records.TXT ?? []).map((text) => ({ ...base, type, data: text.match(/.{1,255}/gs) ?? [''] }))
    case 'SRV':
      return (records.SRV ?? []).map(([priority, weight, port, target]) => ({
        ...base,
        type,
        data: { priority, weight, port, target },
      }))
    case 'CAA':
      return (records.CAA ?? []).map(([flags, tag, value]) => ({
        ...base,
        type,
        data: { flags, tag, value },
      }))
    case 'DS':
      return (records.DS ?? []).map((data) => ({ ...base, type, data }))
    case 'TLSA':
      return (records.TLSA ?? []).map((data) => ({ ...base, type, data }))
    default:
      return []
  }
}
