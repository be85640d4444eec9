/**
 * One look at a domain in DNS: the parent is asked whom it delegates to, and those name servers for the records. A whole
 * look asks for everything; a part of it is what the regular checks can afford, with the rest remembered.
 */
import type { AuthorityContext, QuestionType, ZoneServers } from '../../platform/dns-authority/inquiry.ts'
import { createAuthorityContext, createInquiry, type Inquiry } from '../../platform/dns-authority/inquiry.ts'
import { askZone, type FoundZone, findZone, lookAtNameservers } from '../../platform/dns-authority/zones.ts'
import type { Platform } from '../../platform/platform.ts'
import { desiredRecords } from '../desired-records.ts'
import { type DkimKey, dkimRecord } from '../dkim-keys.ts'
import type { Domain } from '../domains.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { DesiredRecord } from '../plan/record.ts'
import { dkimTarget } from '../zones/own-names.ts'
import { type Answer, answerOf, askResolver } from './answers.ts'
import { delegationOf, delegationProblem, resolvedDelegation } from './delegation.ts'
import { type Facts, judge } from './judge.ts'
import { checkPolicy } from './policy.ts'
import type { Asked, RecordStatus, SeenDelegation, SeenRecord } from './tables.ts'

/** What a look is compared with and goes on from. */
export type Before = { delegation: SeenDelegation | null; records: readonly SeenRecord[] }

export type Look = {
  at: Date
  asked: Asked
  delegation: SeenDelegation
  /** One for each record of the plan. */
  records: readonly SeenRecord[]
  problem: string | null
  /** How many questions it took, all tries included. */
  questions: number
}

export type LookOptions = {
  isWhole: boolean
  /** Waits until another question may be asked. */
  pace?: () => Promise<void>
}

/** Never throws for what the world does: what gives no answer is `unanswered`. */
export async function lookAt(
  platform: Platform,
  looked: Domain,
  keys: readonly DkimKey[],
  before: Before,
  { isWhole, pace }: LookOptions,
): Promise<Look> {
  const domain = { ...looked, dns_mode: wantedDnsMode(looked) }
  const context = contextOf(platform)
  const inquiry = createInquiry({
    msMax: checkPolicy.lookMsMax,
    questionsMax: isWhole ? checkPolicy.questionsPerWholeLookMax : checkPolicy.questionsPerLookMax,
    ...(pace === undefined ? {} : { pace }),
  })
  const found = await findZone(context, inquiry, domain.name, isWhole)
  const asked: Asked = found.kind === 'unreachable' ? 'resolver' : 'authority'
  const delegation =
    asked === 'resolver'
      ? await counted(inquiry, () => resolvedDelegation(platform.config, platform.dns, domain))
      : delegationOf(
          platform.config,
          domain,
          found,
          isWhole && found.kind === 'delegated'
            ? await lookAtNameservers(context, inquiry, found.delegation)
            : null,
          before.delegation,
        )
  const ask = askerOf(platform, context, inquiry, found)
  return {
    at: platform.clock.now(),
    asked,
    delegation,
    records: await seenRecords(platform, { domain, keys, before, delegation, isWhole, ask }),
    problem: delegationProblem(platform.config, domain, delegation),
    questions: inquiry.questions,
  }
}

const contexts = new WeakMap<Platform, AuthorityContext>()

/** What is remembered between two looks: where zones above domains are, and the addresses of name servers. */
function contextOf(platform: Platform): AuthorityContext {
  const existing = contexts.get(platform)
  if (existing) return existing
  const context = createAuthorityContext(platform.config, platform.dns)
  contexts.set(platform, context)
  return context
}

async function counted<T>(inquiry: Inquiry, ask: () => Promise<T>): Promise<T> {
  inquiry.questions++
  await inquiry.pace()
  return await ask()
}

type Ask = (name: string, type: QuestionType) => Promise<Answer>

function askerOf(
  { dns, config }: Platform,
  context: AuthorityContext,
  inquiry: Inquiry,
  found: FoundZone,
): Ask {
  const resolve: Ask = (name, type) => counted(inquiry, () => askResolver(dns, name, type))
  if (found.kind === 'unreachable') return resolve
  if (found.kind === 'silent') return () => Promise.resolve({ kind: 'unanswered' })
  if (found.kind === 'inside' && !found.exists) {
    return () => Promise.resolve({ kind: 'records', values: [], cname: null, by: found.servers.zone })
  }
  const servers: ZoneServers = found.kind === 'delegated' ? found.delegation : found.servers
  return async (name, type) => {
    const reply = await askZone(context, inquiry, servers, name, type)
    if (reply === null) return { kind: 'unanswered' }
    const answer = answerOf(reply.answers, name, type, reply.server)
    if (answer.kind === 'unanswered' || answer.values.length > 0 || answer.cname === null) return answer
    if (answer.cname === config.hostname.toLowerCase() || isInOwnZone(config, answer.cname)) return answer
    // An alias into another zone is followed as a receiver would: by a resolver.
    const followed = await resolve(name, type)
    return followed.kind === 'unanswered' ? followed : { ...followed, cname: answer.cname, by: reply.server }
  }
}

function isInOwnZone({ dnsZone }: Platform['config'], name: string): boolean {
  return dnsZone !== null && name.endsWith(`.${dnsZone}`)
}

type Matter = {
  domain: Domain
  keys: readonly DkimKey[]
  before: Before
  delegation: SeenDelegation
  isWhole: boolean
  ask: Ask
}

async function seenRecords(platform: Platform, matter: Matter): Promise<SeenRecord[]> {
  const { config } = platform
  const { domain, keys, before, delegation } = matter
  const plan = desiredRecords(config, domain, keys)
  const kept = new Map(before.records.map((record) => [recordKey(record), record]))
  const groups = Map.groupBy(
    plan.filter(({ type }) => type !== 'NS'),
    ({ purpose, type, name }) => `${questionOf(purpose, type)} ${name}`,
  )
  const chosen = matter.isWhole ? [...groups.values()] : chooseGroups([...groups.values()], kept, delegation)
  const checkedAt = platform.clock.now().toISOString()
  const looked = new Map<string, SeenRecord>()
  let ourAddresses: readonly string[] | null = null
  await Promise.all(
    chosen.map(async (group) => {
      const [first] = group
      if (first === undefined) return
      const answer = await matter.ask(first.name, questionOf(first.purpose, first.type))
      for (const desired of group) {
        if (desired.type === 'CNAME') ourAddresses ??= await addressesOfPlatform(platform)
        const facts = factsOf(config, domain, keys, desired, ourAddresses ?? [])
        looked.set(recordKey(desired), { ...desired, ...judge(desired, answer, facts), checkedAt })
      }
    }),
  )
  return plan.map((desired) =>
    desired.type === 'NS'
      ? nameserverRecord(desired, delegation, checkedAt)
      : (looked.get(recordKey(desired)) ?? remembered(desired, kept)),
  )
}

/** A record of the plan as it was seen before. */
export function remembered(desired: DesiredRecord, kept: ReadonlyMap<string, SeenRecord>): SeenRecord {
  const before = kept.get(recordKey(desired))
  return before === undefined ? { ...desired, ...unchecked } : { ...before, level: desired.level }
}

const unchecked = {
  status: 'unchecked',
  seen: [],
  suggestion: null,
  answeredBy: null,
  checkedAt: null,
} as const

/** What makes a record of the plan the same one the next time. */
export function recordKey({
  purpose,
  type,
  name,
  value,
}: Pick<DesiredRecord, 'purpose' | 'type' | 'name' | 'value'>): string {
  return `${purpose} ${type} ${name} ${value}`
}

/** An alias shows itself in the answer for what it stands for, and what is no alias is seen, too. */
function questionOf(purpose: DesiredRecord['purpose'], type: DesiredRecord['type']): QuestionType {
  if (type === 'CNAME') return purpose === 'dkim' ? 'TXT' : 'A'
  if (type === 'PTR' || type === 'TLSA') throw new Error(`no plan has ${type} records`)
  return type
}

/**
 * The required ones, without which mail does not come, and then those that were asked for longest ago. Where we are the
 * name servers, what we answer is what we wrote.
 */
function chooseGroups(
  groups: readonly DesiredRecord[][],
  kept: ReadonlyMap<string, SeenRecord>,
  { state }: SeenDelegation,
): DesiredRecord[][] {
  const isServed = state === 'ours'
  const askedAt = (group: readonly DesiredRecord[]): string => {
    const times = group.map((desired) => kept.get(recordKey(desired))?.checkedAt ?? '')
    return times.toSorted()[0] ?? ''
  }
  const isFirst = (group: readonly DesiredRecord[]): boolean =>
    !isServed && group.some(({ level }) => level === 'required')
  const rest = groups
    .filter((group) => !isFirst(group))
    .toSorted((a, b) => (askedAt(a) < askedAt(b) ? -1 : 1))
  return [...groups.filter(isFirst), ...rest].slice(
    0,
    isServed ? checkPolicy.servedRecordsPerLook : checkPolicy.recordsPerLook,
  )
}

async function addressesOfPlatform({ config, dns }: Platform): Promise<readonly string[]> {
  if (config.publicAddresses.length > 0) return config.publicAddresses
  const found = await Promise.allSettled([
    dns.lookup(config.hostname, 'A'),
    dns.lookup(config.hostname, 'AAAA'),
  ])
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
}

function factsOf(
  config: Platform['config'],
  domain: Domain,
  keys: readonly DkimKey[],
  { purpose, name }: DesiredRecord,
  ourAddresses: readonly string[],
): Facts {
  const selector = purpose === 'dkim' ? name.slice(0, name.indexOf('.')) : null
  const key = keys.find((one) => one.selector === selector)
  return {
    ourAddresses,
    dkimTarget: selector === null ? null : dkimTarget(config, domain.id, selector),
    dkimText: key === undefined ? null : dkimRecord(key),
  }
}

const statusByDelegation: Readonly<Record<SeenDelegation['state'], RecordStatus>> = {
  ours: 'valid',
  half_changed: 'wrong',
  elsewhere: 'wrong',
  none: 'missing',
  unanswered: 'unanswered',
}

function nameserverRecord(
  desired: DesiredRecord,
  { state, nameservers, parent }: SeenDelegation,
  checkedAt: string,
): SeenRecord {
  return {
    ...desired,
    status: statusByDelegation[state],
    seen: nameservers.map(({ name }) => name),
    suggestion: null,
    answeredBy: parent,
    checkedAt,
  }
}
