/**
 * What to change at a DNS host: the records that a domain should have against those that are there. Only what was put
 * there by us, or is missing, is ever changed. Values of others are touched in two cases, and remembered then: SPF, of
 * which a name may have only one record, and what the owner lets us take over.
 */
import type { RRset } from '../zones/records.ts'
import type { SetChange } from './driver.ts'
import { type HostValue, kinship } from './kinship.ts'
import { isSpf, mergeSpf } from './spf.ts'

export type WantedRecord = HostValue & {
  /** In seconds. */
  ttl: number
  /** Whether it may stand beside others' values: so do records that the owner adds, but not the platform's. */
  additive: boolean
}

/** A value of someone else that we took out, to be put back. */
export type DisplacedValue = HostValue & { ttl: number }

/** A record that cannot be there, because of what is. */
export type HostConflict = HostValue & {
  reason: 'foreign_values' | 'several_spf' | 'cname'
  /** What stands in the way, as `TYPE value`. */
  seen: string[]
}

export type HostChange = HostValue & { action: 'add' | 'remove'; ttl: number }

export type HostState = {
  /** The zone's apex; the domain may lie below it. */
  zone: string
  present: readonly RRset[]
  /** What we put there. */
  written: readonly HostValue[]
  displaced: readonly DisplacedValue[]
}

export type HostPlan = {
  /** Value by value, for people. */
  changes: HostChange[]
  /** The same for a driver. */
  sets: SetChange[]
  conflicts: HostConflict[]
  /** What will be there of ours. */
  written: HostValue[]
  displaced: DisplacedValue[]
}

/** @param takeOver whether values of others may be displaced where they contradict ours. */
export function planChanges(
  wanted: readonly WantedRecord[],
  state: HostState,
  options: { takeOver: boolean },
): HostPlan {
  const sets = new Map(state.present.map((set) => [setKey(set), set]))
  const isPresent = (one: HostValue): boolean => sets.get(setKey(one))?.values.includes(one.value) ?? false
  const ours = state.written.filter(isPresent)
  const ourKeys = new Set(ours.map(valueKey))
  const foreign = state.present.flatMap((set) =>
    set.values
      .map((value) => ({ name: set.name, type: set.type, value, ttl: set.ttl }))
      .filter((one) => !ourKeys.has(valueKey(one))),
  )
  const foreignAt = Map.groupBy(foreign, ({ name }) => name)
  const wantedKeys = new Set(wanted.map(valueKey))
  const placed = wanted.map((record) => {
    const there = foreignAt.get(record.name) ?? []
    const same = there.find((one) => valueKey(one) === valueKey(record)) ?? null
    const kin = there.filter((one) => !wantedKeys.has(valueKey(one)) && contradicts(record, one, state.zone))
    return place({ record, same, kin }, state, options.takeOver)
  })
  const kept = unique(placed.flatMap(({ put }) => (put === null ? [] : [put])))
  const taken = unique(placed.flatMap(({ displace }) => displace))
  const keptKeys = new Set(kept.map(valueKey))
  const isWanted = (one: HostValue): boolean => keptKeys.has(valueKey(one))
  const heldBy = (one: HostValue): boolean => kept.some((put) => kinship(put, one, state.zone))
  const returned = state.displaced.filter((one) => !heldBy(one))
  const restored = returned.filter(
    (one) => !foreign.some((other) => kinship(other, one, state.zone)) && !isWanted(one),
  )
  const restoredKeys = new Set(restored.map(valueKey))
  const changes: HostChange[] = [
    ...taken.filter((one) => !isWanted(one)).map((one) => ({ ...one, action: 'remove' as const })),
    ...ours
      .filter((one) => !isWanted(one) && !restoredKeys.has(valueKey(one)))
      .map((one) => ({ ...one, action: 'remove' as const, ttl: ttlAt(one) })),
    ...kept.filter((one) => !isPresent(one)).map((one) => ({ ...one, action: 'add' as const })),
    ...restored.filter((one) => !isPresent(one)).map((one) => ({ ...one, action: 'add' as const })),
  ]
  function ttlAt(one: HostValue): number {
    return sets.get(setKey(one))?.ttl ?? 0
  }
  return {
    changes,
    sets: toSets(changes, sets, ourKeys),
    conflicts: placed.flatMap(({ conflict }) => (conflict === null ? [] : [conflict])),
    written: kept.map(({ name, type, value }) => ({ name, type, value })),
    // Of one kind the last one is what its owner wants back.
    displaced: [
      ...state.displaced.filter(
        (one) => heldBy(one) && !taken.some((other) => kinship(other, one, state.zone)),
      ),
      ...taken,
    ],
  }
}

/** A record, whether someone else has put it there already, and what of others contradicts it. */
type Candidate = { record: WantedRecord; same: DisplacedValue | null; kin: readonly DisplacedValue[] }
type Placed = { put: WantedRecord | null; displace: DisplacedValue[]; conflict: HostConflict | null }

const nothing: Placed = { put: null, displace: [], conflict: null }

function contradicts(record: WantedRecord, other: HostValue, zone: string): boolean {
  const isAlone = record.type === 'CNAME' || other.type === 'CNAME'
  return kinship(record, other, zone) && (!record.additive || isAlone)
}

/** Where one record goes among the values that others have at its name. */
function place(candidate: Candidate, state: HostState, takeOver: boolean): Placed {
  const { record, same, kin } = candidate
  if (record.type === 'TXT' && isSpf(record.value)) return placeSpf(candidate, state)
  // DMARC and TLS reporting that are there are the owner's choice.
  if (record.type === 'TXT' && ownersChoice.test(record.value) && kin.length > 0) return nothing
  if (record.type === 'MX' && same !== null && isFirst(record, kin)) return nothing
  if (kin.length > 0) return clash(candidate, takeOver)
  return same === null ? { ...nothing, put: record } : nothing
}

const ownersChoice = /^v=(?:DMARC1|TLSRPTv1)\b/i

function placeSpf({ record, same, kin }: Candidate, state: HostState): Placed {
  const [only] = kin
  if (same !== null && only === undefined) return nothing
  if (same !== null || kin.length > 1) {
    return { ...nothing, conflict: { ...bare(record), reason: 'several_spf', seen: seenOf(kin) } }
  }
  if (only !== undefined && !isKeepable(only)) {
    return { ...nothing, conflict: { ...bare(record), reason: 'foreign_values', seen: seenOf(kin) } }
  }
  if (only !== undefined) {
    const merged = mergeSpf(only.value, record.value)
    return merged === only.value
      ? nothing
      : { ...nothing, put: { ...record, value: merged, ttl: only.ttl }, displace: [only] }
  }
  const before = state.displaced.find((one) => kinship(record, one, state.zone))
  if (before === undefined) return { ...nothing, put: record }
  return { ...nothing, put: { ...record, value: mergeSpf(before.value, record.value), ttl: before.ttl } }
}

function clash({ record, same, kin }: Candidate, takeOver: boolean): Placed {
  // Where the owner has put the same beside the others, it is ours for now, and comes back with them.
  if (takeOver && kin.every(isKeepable))
    return { ...nothing, put: record, displace: same === null ? [...kin] : [...kin, same] }
  const isAlone = record.type === 'CNAME' || kin.some(({ type }) => type === 'CNAME')
  const reason = isAlone ? 'cname' : 'foreign_values'
  return { ...nothing, conflict: { ...bare(record), reason, seen: seenOf(kin) } }
}

/** Whether the database can remember it: what it cannot is left where it is. */
function isKeepable({ value }: HostValue): boolean {
  return value.isWellFormed() && !value.includes('\u0000')
}

/** Whether mail comes to us first; others may stand behind. */
function isFirst(record: HostValue, others: readonly HostValue[]): boolean {
  const preference = ({ value }: HostValue): number => Number.parseInt(value, 10)
  return others.every((other) => preference(other) > preference(record))
}

const seenMax = 10
const seenLengthMax = 300

function seenOf(values: readonly HostValue[]): string[] {
  return values.slice(0, seenMax).map(({ type, value }) =>
    `${type} ${value}`
      .replace(/\p{Cc}/gu, ' ')
      .slice(0, seenLengthMax)
      .toWellFormed(),
  )
}

function bare({ name, type, value }: HostValue): HostValue {
  return { name, type, value }
}

const setKey = ({ name, type }: { name: string; type: string }): string => `${type} ${name}`
const valueKey = (one: HostValue): string => `${setKey(one)} ${one.value}`

function unique<T extends HostValue>(values: readonly T[]): T[] {
  return [...new Map(values.map((one) => [valueKey(one), one])).values()]
}

/** The changes set by set. Where a value of someone else stays, so does the set's TTL. */
function toSets(
  changes: readonly HostChange[],
  sets: ReadonlyMap<string, RRset>,
  ourKeys: ReadonlySet<string>,
): SetChange[] {
  return [...Map.groupBy(changes, setKey).values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const { name, type } = first
    const add = group.filter(({ action }) => action === 'add')
    const remove = group.filter(({ action }) => action === 'remove').map(({ value }) => value)
    const present = sets.get(setKey(first))
    const staying = (present?.values ?? []).filter((value) => !remove.includes(value))
    const isShared = staying.some((value) => !ourKeys.has(valueKey({ name, type, value })))
    const wantedTtl = add.length > 0 ? Math.min(...add.map(({ ttl }) => ttl)) : (present?.ttl ?? first.ttl)
    const ttl = isShared ? (present?.ttl ?? wantedTtl) : wantedTtl
    return { name, type, ttl, add: add.map(({ value }) => value), remove }
  })
}
