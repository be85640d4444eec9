/**
 * Questions to authoritative servers, without recursion (RFC 1034 §4.3.1): what they say is what the zone has, not what
 * a cache remembers. An inquiry is all that is asked for one purpose: it has a deadline and a number of questions.
 */
import { randomInt } from 'node:crypto'
import * as dnsPacket from 'dns-packet'
import { createCache } from '../cache.ts'
import type { Config } from '../config.ts'
import type { Dns } from '../dns.ts'
import { type DnsReply, exchange } from '../dns-exchange.ts'
import { isLocalNetwork } from '../network.ts'

export type QuestionType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'MX' | 'NS' | 'SRV' | 'TXT'

/** A name server by name; without addresses that may be asked it is as good as silent. */
export type Nameserver = { name: string; addresses: readonly string[] }

/** A zone with the name servers that its parent names. */
export type ZoneServers = { zone: string; nameservers: readonly Nameserver[] }

export type ServerReply = {
  /** The name of the server. */
  server: string
  /** RFC 1035 §4.1.1: the AA bit. Without it the server has no such zone: it is lame for it. */
  isAuthoritative: boolean
  code: string
  answers: readonly dnsPacket.Answer[]
  authorities: readonly dnsPacket.Answer[]
  additionals: readonly dnsPacket.Answer[]
}

export type Inquiry = {
  /** Waits until another question may be asked. */
  pace(): Promise<void>
  /** By performance.now(): nothing is asked after that. */
  endsAtMs: number
  questionsMax: number
  /** How many were asked so far, those to the resolver for addresses of name servers included. */
  questions: number
  /** Addresses that did not answer in this inquiry, which are not asked again. */
  readonly silent: Set<string>
}

/** What is shared by all inquiries of a platform. */
export type AuthorityContext = {
  dns: Dns
  port: number
  mayAskLocal: boolean
  /** Zones above those that are asked for, such as `com`: asked for once in a while. */
  zones: ReturnType<typeof createCache<ZoneServers>>
  addresses: ReturnType<typeof createCache<readonly string[]>>
}

const rememberedMs = 10 * 60_000
const zonesMax = 10_000
const addressesMax = 50_000

export function createAuthorityContext(
  { authorityPort, outboundNetworks }: Pick<Config, 'authorityPort' | 'outboundNetworks'>,
  dns: Dns,
): AuthorityContext {
  return {
    dns,
    port: authorityPort,
    // A delegation is whatever the owner of a domain writes: it must not make us knock at inner networks.
    mayAskLocal: outboundNetworks === 'any' || authorityPort !== 53,
    zones: createCache({ entriesMax: zonesMax, ttlMs: rememberedMs }),
    addresses: createCache({ entriesMax: addressesMax, ttlMs: rememberedMs }),
  }
}

export function createInquiry(options: {
  msMax: number
  questionsMax: number
  pace?: () => Promise<void>
}): Inquiry {
  return {
    pace: options.pace ?? (() => Promise.resolve()),
    endsAtMs: performance.now() + options.msMax,
    questionsMax: options.questionsMax,
    questions: 0,
    silent: new Set(),
  }
}

const questionMsMax = 1_500
const triesMax = 2
const addressesPerServerMax = 2

/** The addresses of a name server that may be asked, IPv4 first; empty when there are none or nobody knows. */
export async function addressesOf(
  context: AuthorityContext,
  inquiry: Inquiry,
  name: string,
): Promise<readonly string[]> {
  const kept = context.addresses.get(name)
  if (kept !== undefined) return kept
  if (!(await mayAsk(inquiry))) return []
  try {
    const v4 = await context.dns.lookup(name, 'A')
    const found = v4.length > 0 || !(await mayAsk(inquiry)) ? v4 : await context.dns.lookup(name, 'AAAA')
    const addresses = usable(context, found)
    context.addresses.set(name, addresses)
    return addresses
  } catch {
    return [] // the resolver gave no answer: another name server of the set will do, or a later check
  }
}

/** Of these addresses those that may be asked. */
export function usable({ mayAskLocal }: AuthorityContext, addresses: readonly string[]): string[] {
  return addresses
    .filter((address) => mayAskLocal || !isLocalNetwork(address))
    .slice(0, addressesPerServerMax)
}

/** Counts a question and waits for its turn. @returns whether it may be asked at all. */
async function mayAsk(inquiry: Inquiry): Promise<boolean> {
  if (inquiry.questions >= inquiry.questionsMax || performance.now() >= inquiry.endsAtMs) return false
  inquiry.questions++
  await inquiry.pace()
  return true
}

/** Asks one name server, at its addresses in turn. @returns null when none answers. */
export async function askServer(
  context: AuthorityContext,
  inquiry: Inquiry,
  server: Nameserver,
  name: string,
  type: QuestionType,
): Promise<ServerReply | null> {
  for (const address of server.addresses) {
    if (inquiry.silent.has(address)) continue
    for (let attempt = 0, edns = true; attempt < triesMax; attempt++) {
      if (!(await mayAsk(inquiry))) return null
      const msMax = Math.min(questionMsMax, inquiry.endsAtMs - performance.now())
      if (msMax <= 0) return null // its turn came too late
      const reply = await askAddress(context, address, { name, type, edns, msMax })
      if (reply === null) continue
      const code = reply.rcode ?? 'NOERROR'
      if (edns && (code === 'FORMERR' || code === 'NOTIMP')) {
        edns = false // RFC 6891 §7: a server that does not know EDNS
        continue
      }
      return {
        server: server.name,
        isAuthoritative: reply.flag_aa === true,
        code,
        answers: reply.answers ?? [],
        authorities: reply.authorities ?? [],
        additionals: reply.additionals ?? [],
      }
    }
    inquiry.silent.add(address)
  }
  return null
}

const udpBytes = 1232 // DNS flag day 2020: passes without fragments

async function askAddress(
  { port }: AuthorityContext,
  host: string,
  { name, type, edns, msMax }: { name: string; type: QuestionType; edns: boolean; msMax: number },
): Promise<DnsReply | null> {
  const id = randomInt(0, 65_536)
  const query = dnsPacket.encode({
    type: 'query',
    id,
    flags: 0,
    questions: [{ type, name }],
    // DO for delegations only: a referral then brings the DS with it (RFC 4035 §3.1.4.1).
    additionals: edns ? [optRecord(type === 'NS')] : [],
  })
  const isReply = ({ id: replied, type: kind, questions }: DnsReply): boolean =>
    replied === id &&
    kind === 'response' &&
    questions?.length === 1 &&
    questions[0]?.type === type &&
    questions[0].name.toLowerCase() === name
  try {
    return await exchange({ address: host, port }, query, isReply, msMax)
  } catch {
    return null
  }
}

function optRecord(isDnssecOk: boolean): dnsPacket.OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: udpBytes,
    flags: isDnssecOk ? dnsPacket.DNSSEC_OK : 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flag_do: isDnssecOk,
    options: [],
  }
}
