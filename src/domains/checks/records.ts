/** The records of a plan against what DNS has: which are asked for, and what is said of each. */
import type { QuestionType } from '../../platform/dns-authority/inquiry.ts'
import type { Platform } from '../../platform/platform.ts'
import { desiredRecords } from '../desired-records.ts'
import { type DkimKey, dkimRecord } from '../dkim-keys.ts'
import type { DesiredRecord } from '../plan/record.ts'
import type { Domain } from '../tables.ts'
import { dkimTarget } from '../zones/own-names.ts'
import type { Answer } from './answers.ts'
import { type Facts, judge } from './judge.ts'
import { checkPolicy } from './policy.ts'
import type { RecordStatus, SeenDelegation, SeenRecord } from './tables.ts'

export type Ask = (name: string, type: QuestionType) => Promise<Answer>

/** What a look is compared with and goes on from. */
export type Before = { delegation: SeenDelegation | null; records: readonly SeenRecord[] }

/** What is to be looked at. */
export type Matter = {
  domain: Domain
  keys: readonly DkimKey[]
  before: Before
  delegation: SeenDelegation
  isWhole: boolean
  ask: Ask
}

/** Each record of the plan, as it is seen now or was seen before. */
export async function seenRecords(platform: Platform, matter: Matter): Promise<SeenRecord[]> {
  const { config } = platform
  const { domain, keys, before, delegation } = matter
  const plan = desiredRecords(config, domain, keys)
  const kept = new Map(before.records.map((record) => [recordKey(record), record]))
  const groups = Map.groupBy(
    plan.filter(({ type }) => type !== 'NS'),
    ({ purpose, type, name }) => `${questionOf(purpose, type)} ${name}`,
  )
  const chosen = matter.isWhole ? [...groups.values()] : chooseGroups([...groups.values()], kept, matter)
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
 * The required ones, without which mail does not come, keys that are awaited, and then those that were asked for longest
 * ago. Where we are the name servers, what we answer is what we wrote.
 */
function chooseGroups(
  groups: readonly DesiredRecord[][],
  kept: ReadonlyMap<string, SeenRecord>,
  { delegation, keys }: Matter,
): DesiredRecord[][] {
  const isServed = delegation.state === 'ours'
  const awaited = keys.flatMap(({ selector, state }) =>
    state === 'pending' ? [`${selector}._domainkey.`] : [],
  )
  const askedAt = (group: readonly DesiredRecord[]): string => {
    const times = group.map((desired) => kept.get(recordKey(desired))?.checkedAt ?? '')
    return times.toSorted()[0] ?? ''
  }
  const isFirst = (group: readonly DesiredRecord[]): boolean =>
    !isServed &&
    group.some(({ level, name }) => level === 'required' || awaited.some((start) => name.startsWith(start)))
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
