/**
 * A small tree of authoritative name servers for tests, each at a loopback address of its own and all on one port, and
 * a resolver that knows where the top of the tree is. A server can be silent, lame, or of another opinion than its parent.
 */
import * as dnsPacket from 'dns-packet'
import { answersOf, serveDns, startTestDns, type TestDns, type Zone } from './test-dns.ts'

export type TestNameServer = {
  name: string
  address: string
  /** By apex. A name below the apex with NS records is delegated; its DS and the addresses of servers go with it. */
  zones: Record<string, Zone>
  /** Answers nobody. */
  silent: boolean
  /** Changes what it is about to send. */
  mangle: ((reply: Buffer) => Buffer) | null
  /** What was asked so far, as `TYPE name`. */
  questions: string[]
}

export type TestNameServers = AsyncDisposable & {
  /** For MAILWRIGHT_AUTHORITY_PORT. */
  port: number
  /** For MAILWRIGHT_RESOLVER. It knows the addresses of all servers here, and the top-level domains that it is told. */
  resolver: TestDns
  /** Starts a server at an address of its own. */
  start(name: string): Promise<TestNameServer>
  /** Settings for a platform that asks here. */
  environment: { MAILWRIGHT_RESOLVER: string; MAILWRIGHT_AUTHORITY_PORT: string }
}

/** The top-level domain `example` is served by `ns.registry.example`, which is `registry`. */
export async function startTestNameServers(): Promise<TestNameServers & { registry: TestNameServer }> {
  await using stack = new AsyncDisposableStack()
  const resolver = stack.use(await startTestDns())
  const first = await startServer('ns.registry.example', 2, 0)
  stack.defer(() => first.stop())
  let host = 2
  const add = ({ name, address }: TestNameServer): void => {
    resolver.zone[name] = { A: [address] }
  }
  add(first.server)
  first.server.zones['example'] = { example: { NS: [first.server.name] } }
  resolver.zone['example'] = { NS: [first.server.name] }
  const running = stack.move()
  return {
    port: first.port,
    resolver,
    registry: first.server,
    environment: {
      MAILWRIGHT_RESOLVER: resolver.resolver,
      MAILWRIGHT_AUTHORITY_PORT: String(first.port),
    },
    async start(name) {
      const { server, stop } = await startServer(name, ++host, first.port)
      running.defer(stop)
      add(server)
      return server
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function startServer(name: string, host: number, wantedPort: number) {
  const server: TestNameServer = {
    name,
    address: `127.0.0.${host}`,
    zones: {},
    silent: false,
    mangle: null,
    questions: [],
  }
  const { port, stop } = await serveDns(server.address, wantedPort, (bytes, bytesMax) => {
    const reply = server.silent ? null : replyOf(server, bytes, bytesMax)
    return reply === null || server.mangle === null ? reply : server.mangle(reply)
  })
  return { server, port, stop }
}

type Reply = Required<Pick<dnsPacket.Packet, 'answers' | 'authorities' | 'additionals'>> & { flags: number }

const rcodes = { NOERROR: 0, NXDOMAIN: 3, REFUSED: 5 } as const
const nothing = { answers: [], authorities: [], additionals: [] }

function replyOf(server: TestNameServer, bytes: Buffer, bytesMax: number): Buffer | null {
  const query = dnsPacket.decode(bytes)
  const [question] = query.questions ?? []
  if (!question) return null
  const name = question.name.toLowerCase()
  server.questions.push(`${question.type} ${name}`)
  const encode = (reply: Reply): Buffer =>
    dnsPacket.encode({ type: 'response', id: query.id ?? 0, questions: [question], ...reply })
  const reply = look(server, name, question.type)
  const whole = encode(reply)
  return whole.length <= bytesMax
    ? whole
    : encode({ ...nothing, flags: reply.flags | dnsPacket.TRUNCATED_RESPONSE })
}

function look({ zones }: TestNameServer, name: string, type: string): Reply {
  const apex = Object.keys(zones)
    .filter((one) => name === one || name.endsWith(`.${one}`))
    .toSorted((a, b) => b.length - a.length)[0]
  const zone = apex === undefined ? undefined : zones[apex]
  if (apex === undefined || zone === undefined) return { ...nothing, flags: rcodes.REFUSED }
  const base = { ttl: 60, class: 'IN' as const }
  const cut = cutAbove(zone, apex, name)
  if (cut !== null) {
    const set = zone[cut] ?? {}
    const glue = (set.NS ?? []).flatMap((server) =>
      answersOf(zone[server] ?? {}, 'A', { ...base, name: server }),
    )
    const authorities = ['NS', 'DS'].flatMap((one) => answersOf(set, one, { ...base, name: cut }))
    return { answers: [], authorities, additionals: glue, flags: rcodes.NOERROR }
  }
  const records = zone[name]
  const exists = records !== undefined || Object.keys(zone).some((one) => one.endsWith(`.${name}`))
  const wanted = records?.CNAME && type !== 'CNAME' ? 'CNAME' : type
  return {
    ...nothing,
    answers: answersOf(records ?? {}, wanted, { ...base, name }),
    flags: dnsPacket.AUTHORITATIVE_ANSWER | (exists ? rcodes.NOERROR : rcodes.NXDOMAIN),
  }
}

/** The highest name below the apex, at or above the one asked for, that is delegated. */
function cutAbove(zone: Zone, apex: string, name: string): string | null {
  const labels = name.split('.')
  const depth = apex.split('.').length
  for (let count = depth + 1; count <= labels.length; count++) {
    const above = labels.slice(-count).join('.')
    if (zone[above]?.NS !== undefined) return above
  }
  return null
}
