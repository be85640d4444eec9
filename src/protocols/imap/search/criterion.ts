/** What a SEARCH key asks for in the words of the core: sequence numbers as UIDs, calendar days as instants. */
import type { SearchCriterion } from '../../../messages/search/search-criterion.ts'
import { rangesOfUids, type UidRange } from '../../../messages/uid-ranges.ts'
import { idOfObject } from '../fetch/object-ids.ts'
import type { CalendarDate } from '../syntax/date-time.ts'
import type { SystemFlag } from '../syntax/flags.ts'
import type { DateRelation, SearchKey } from '../syntax/search-key.ts'
import { resolveSequenceRanges, type SequenceSet } from '../syntax/sequence-set.ts'

/** The session's view, see SearchContext, and the moment that ages count from. */
export type View = {
  uids: Uint32Array
  isRecent: (uid: number) => boolean
  savedUids?: readonly number[]
  now: Date
}

const all: SearchCriterion = { kind: 'all' }
const none: SearchCriterion = { kind: 'not', criterion: all }

const coreFlag = {
  '\\Answered': 'answered',
  '\\Flagged': 'flagged',
  '\\Deleted': 'deleted',
  '\\Seen': 'seen',
  '\\Draft': 'draft',
} as const satisfies Record<SystemFlag, string>

export function toCriterion(key: SearchKey, view: View): SearchCriterion {
  switch (key.kind) {
    case 'all':
      return all
    case 'and':
    case 'or':
      return { kind: key.kind, criteria: key.keys.map((one) => toCriterion(one, view)) }
    case 'not':
      return { kind: 'not', criterion: toCriterion(key.key, view) }
    case 'sequence':
      return { kind: 'uids', ranges: sequenceToUids(key.set, view) }
    case 'uid':
      return { kind: 'uids', ranges: uidsOfSet(key.set, view) }
    case 'recent':
      return { kind: 'uids', ranges: rangesOfUids(view.uids.filter(view.isRecent)) }
    case 'flag':
      return presence({ kind: 'flag', flag: coreFlag[key.flag] }, key.present)
    case 'keyword':
      return presence({ kind: 'keyword', keyword: key.keyword }, key.present)
    case 'internal-date':
      return onDay('internal-date', key.relation, key.date)
    case 'save-date':
      return onDay('saved-date', key.relation, key.date)
    case 'save-date-supported':
      return all
    case 'age':
      return age(key, view)
    case 'modseq':
      return { kind: 'modseq', atLeast: Number(key.modSeq < maxSafe ? key.modSeq : maxSafe) }
    case 'email-id':
      return byId('body-id', idOfObject(key.id, 'M'))
    case 'thread-id':
      return byId('thread-id', idOfObject(key.id, 'T'))
    default:
      return contentCriterion(key)
  }
}

type ContentKey = Extract<SearchKey, { kind: 'envelope' | 'header' | 'body' | 'text' | 'sent-date' | 'size' }>

function contentCriterion(key: ContentKey): SearchCriterion {
  switch (key.kind) {
    case 'envelope':
      return key.field === 'subject'
        ? { kind: 'subject', text: key.value }
        : { kind: 'address', field: key.field, text: key.value }
    case 'header':
      return { kind: 'header', field: key.field, text: key.value }
    case 'body':
    case 'text':
      return { kind: key.kind, text: key.value }
    case 'sent-date':
      return { kind: 'sent-date', relation: key.relation, day: key.date }
    case 'size':
      return { kind: 'size', relation: key.relation, sizeBytes: key.sizeBytes }
  }
}

/** A MODSEQ beyond this is of no message. */
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)

function presence(criterion: SearchCriterion, present: boolean): SearchCriterion {
  return present ? criterion : { kind: 'not', criterion }
}

function byId(kind: 'body-id' | 'thread-id', id: string | null): SearchCriterion {
  return id === null ? none : { kind, id }
}

/** Numbers beyond the view name no message. */
function sequenceToUids(set: SequenceSet, { uids, savedUids }: View): UidRange[] {
  if (set.kind === 'saved') return rangesOfUids(savedUids ?? [])
  return resolveSequenceRanges(set.ranges, uids.length).flatMap(({ from, to }) => {
    const first = uids[from - 1]
    const last = uids[Math.min(to, uids.length) - 1]
    return first === undefined || last === undefined ? [] : [{ first, last }]
  })
}

function uidsOfSet(set: SequenceSet, { uids, savedUids }: View): UidRange[] {
  if (set.kind === 'saved') return rangesOfUids(savedUids ?? [])
  return resolveSequenceRanges(set.ranges, uids.at(-1) ?? 0).map(({ from, to }) => ({
    first: from,
    last: to,
  }))
}

/** "Disregarding time and timezone": the day that INTERNALDATE shows, which is in UTC. */
function onDay(
  kind: 'internal-date' | 'saved-date',
  relation: DateRelation,
  day: CalendarDate,
): SearchCriterion {
  const start = new Date(`${day}T00:00:00Z`)
  if (relation !== 'on') return { kind, relation, at: start }
  const end = new Date(start.getTime() + 24 * 3600 * 1000)
  return {
    kind: 'and',
    criteria: [
      { kind, relation: 'since', at: start },
      { kind, relation: 'before', at: end },
    ],
  }
}

/** RFC 5032 §3. */
function age(key: Extract<SearchKey, { kind: 'age' }>, { now }: View): SearchCriterion {
  const at = new Date(now.getTime() - key.seconds * 1000)
  return { kind: 'internal-date', relation: key.relation === 'older' ? 'before' : 'since', at }
}
