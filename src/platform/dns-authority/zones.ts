/**
 * From the top of the tree down to the zone of a name: the parent's servers are asked for the delegation, the zone's own
 * servers for the records. Only the way to a top-level domain, and addresses without glue, come from the resolver.
 */
import type * as dnsPacket from 'dns-packet'
import {
  type AuthorityContext,
  addressesOf,
  askServer,
  type Inquiry,
  type Nameserver,
  type QuestionType,
  type ServerReply,
  usable,
  type ZoneServers,
} from './inquiry.ts'

export type DsRecord = { keyTag: number; algorithm: number; digestType: number; digestHex: string }

/** What the parent of a zone says of it. */
export type Delegation = ZoneServers & {
  /** The zone whose servers said so. */
  parent: string
  ds: readonly DsRecord[]
}

/**
 * delegated: the name is a zone of its own. inside: it is in another zone, or nowhere (`exists`). unreachable: not one
 * server of the way down answered, as where nothing gets out on this port. silent: those above answered, and the next
 * zone's do not.
 */
export type FoundZone =
  | { kind: 'delegated'; delegation: Delegation }
  | { kind: 'inside'; servers: ZoneServers; exists: boolean }
  | { kind: 'silent'; zone: string }
  | { kind: 'unreachable' }

const nameserversMax = 8
const serversTriedMax = 3
const stepsMax = 12

/**
 * Finds the zone that a name is in.
 * @param name in A-labels, lower case, without the final dot.
 * @param isFresh asks all servers below the top-level domain again.
 */
export async function findZone(
  context: AuthorityContext,
  inquiry: Inquiry,
  name: string,
  isFresh = false,
): Promise<FoundZone> {
  const start = await startOf(context, inquiry, name, isFresh)
  if (start === null) return { kind: 'unreachable' }
  let current = start
  for (let step = 0; step < stepsMax; step++) {
    const reply = await askAny(context, inquiry, current, name, 'NS', (one) =>
      isUseful(one, current.zone, name),
    )
    if (reply === null) {
      return step === 0 ? { kind: 'unreachable' } : { kind: 'silent', zone: current.zone }
    }
    const next = await delegationIn(context, inquiry, reply, current.zone, name)
    if (next === null) return { kind: 'inside', servers: current, exists: reply.code !== 'NXDOMAIN' }
    if (next.zone === name) return { kind: 'delegated', delegation: next }
    context.zones.set(next.zone, { zone: next.zone, nameservers: next.nameservers })
    current = next
  }
  return { kind: 'silent', zone: current.zone }
}

/** The nearest zone above the name that is remembered, else its top-level domain. */
async function startOf(
  context: AuthorityContext,
  inquiry: Inquiry,
  name: string,
  isFresh: boolean,
): Promise<ZoneServers | null> {
  const labels = name.split('.')
  const above = labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'))
  for (const zone of isFresh ? above.slice(-1) : above) {
    const kept = context.zones.get(zone)
    if (kept !== undefined) return kept
  }
  const top = above.at(-1)
  if (top === undefined) return null
  const names = await context.dns.lookup(top, 'NS').catch(() => [])
  if (names.length === 0) return null
  const nameservers = await Promise.all(
    names.slice(0, serversTriedMax).map(async (one) => {
      const server = one.toLowerCase()
      return { name: server, addresses: await addressesOf(context, inquiry, server) }
    }),
  )
  const zone = { zone: top, nameservers }
  if (nameservers.some(({ addresses }) => addresses.length > 0)) context.zones.set(top, zone)
  return zone
}

/** Whether a reply of a server of `zone` leads on: with authority, or down to where the name is. */
function isUseful(reply: ServerReply, zone: string, name: string): boolean {
  if (reply.code !== 'NOERROR' && reply.code !== 'NXDOMAIN') return false
  return reply.isAuthoritative || cutOf(reply, zone, name) !== null
}

/** The owner of the NS set that a reply delegates to: below the zone, and the name itself or above it. */
function cutOf(reply: ServerReply, zone: string, name: string): string | null {
  const set = [...(reply.isAuthoritative ? reply.answers : []), ...reply.authorities]
  const cut = set.find(
    ({ type, name: owner }) =>
      type === 'NS' && isBelow(owner.toLowerCase(), zone) && isAtOrBelow(name, owner.toLowerCase()),
  )
  return cut === undefined ? null : cut.name.toLowerCase()
}

function isBelow(name: string, zone: string): boolean {
  return name.endsWith(`.${zone}`)
}

function isAtOrBelow(name: string, zone: string): boolean {
  return name === zone || isBelow(name, zone)
}

async function delegationIn(
  context: AuthorityContext,
  inquiry: Inquiry,
  reply: ServerReply,
  parent: string,
  name: string,
): Promise<Delegation | null> {
  const zone = cutOf(reply, parent, name)
  if (zone === null) return null
  const records = [...reply.answers, ...reply.authorities].filter(
    (record) => record.name.toLowerCase() === zone,
  )
  const names = namesIn(records, zone)
  const nameservers = await Promise.all(
    names.map(async (server) => {
      const glue = usable(context, glueOf(reply.additionals, server, parent))
      return { name: server, addresses: glue.length > 0 ? glue : await addressesOf(context, inquiry, server) }
    }),
  )
  const ds = records.flatMap((record) =>
    record.type === 'DS'
      ? [
          {
            keyTag: record.data.keyTag,
            algorithm: record.data.algorithm,
            digestType: record.data.digestType,
            digestHex: record.data.digest.toString('hex'),
          },
        ]
      : [],
  )
  return { zone, parent, nameservers, ds }
}

/** Addresses that came with a referral: believed of names that the answering zone has to say something about. */
function glueOf(additionals: readonly dnsPacket.Answer[], server: string, parent: string): string[] {
  if (!isBelow(server, parent)) return []
  const of = (type: 'A' | 'AAAA'): string[] =>
    additionals.flatMap((record) =>
      record.type === type && record.name.toLowerCase() === server ? [String(record.data)] : [],
    )
  const v4 = of('A')
  return v4.length > 0 ? v4 : of('AAAA')
}

/** Asks the servers of a zone one after the other, in any order, until one gives a reply that is wanted. */
async function askAny(
  context: AuthorityContext,
  inquiry: Inquiry,
  { nameservers }: ZoneServers,
  name: string,
  type: QuestionType,
  isWanted: (reply: ServerReply) => boolean,
): Promise<ServerReply | null> {
  const reachable = shuffled(nameservers.filter(({ addresses }) => addresses.length > 0))
  for (const server of reachable.slice(0, serversTriedMax)) {
    const reply = await askServer(context, inquiry, server, name, type)
    if (reply !== null && isWanted(reply)) return reply
  }
  return null
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value)
}

/**
 * The records of a name, as a server of its zone has them.
 * @returns null when no server of the zone answers with authority.
 */
export async function askZone(
  context: AuthorityContext,
  inquiry: Inquiry,
  servers: ZoneServers,
  name: string,
  type: QuestionType,
): Promise<ServerReply | null> {
  return await askAny(
    context,
    inquiry,
    servers,
    name,
    type,
    ({ code, isAuthoritative }) => isAuthoritative && (code === 'NOERROR' || code === 'NXDOMAIN'),
  )
}

/** right: it answers, with the set that the parent has. */
export type NameserverState = 'right' | 'wrong_set' | 'lame' | 'silent'

export type SeenNameserver = {
  name: string
  state: NameserverState
  /** The NS set that it has itself. */
  set: readonly string[]
}

/** Asks each name server of a delegation for its own idea of the zone's name servers (RFC 1912 §2.8). */
export async function lookAtNameservers(
  context: AuthorityContext,
  inquiry: Inquiry,
  { zone, nameservers }: ZoneServers,
): Promise<SeenNameserver[]> {
  const wanted = nameservers.map(({ name }) => name).toSorted()
  return await Promise.all(
    nameservers.map(async (server): Promise<SeenNameserver> => {
      const reply = await askServer(context, inquiry, server, zone, 'NS')
      if (reply === null) return { name: server.name, state: 'silent', set: [] }
      if (!reply.isAuthoritative || reply.code !== 'NOERROR') {
        return { name: server.name, state: 'lame', set: [] }
      }
      const set = namesIn(reply.answers, zone)
      const isSame = set.toSorted().join(' ') === wanted.join(' ')
      return { name: server.name, state: isSame ? 'right' : 'wrong_set', set }
    }),
  )
}

/** What is no name of a host is left out: strangers write these, and they are shown and kept. */
const hostName = /^[\w-]{1,63}(\.[\w-]{1,63})*$/

function namesIn(answers: readonly dnsPacket.Answer[], zone: string): string[] {
  const names = answers.flatMap((record) =>
    record.type === 'NS' && record.name.toLowerCase() === zone && hostName.test(record.data)
      ? [record.data.toLowerCase()]
      : [],
  )
  return [...new Set(names)].slice(0, nameserversMax)
}

export type { Nameserver, ZoneServers }
