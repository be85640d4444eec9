/** What SEARCH asks for: RFC 9051 §6.4.4 and the keys of RFC 5032, 7162, 8474 and 8514. */
import type { CalendarDate } from './date-time.ts'
import type { SystemFlag } from './flags.ts'
import type { PartialRange, SequenceSet } from './sequence-set.ts'

/** Strings are Unicode, decoded from the command's charset, and as the client wrote them: matching folds case. */
export type SearchKey =
  | { kind: 'all' }
  | { kind: 'and'; keys: readonly SearchKey[] }
  | { kind: 'or'; keys: readonly SearchKey[] }
  | { kind: 'not'; key: SearchKey }
  /** Message numbers; `saved` is `$`. */
  | { kind: 'sequence'; set: SequenceSet }
  | { kind: 'uid'; set: SequenceSet }
  | { kind: 'flag'; flag: SystemFlag; present: boolean }
  | { kind: 'recent' }
  | { kind: 'keyword'; keyword: string; present: boolean }
  /** A field of the envelope contains the text. */
  | { kind: 'envelope'; field: 'from' | 'to' | 'cc' | 'bcc' | 'subject'; value: string }
  /** `field` in lower case. An empty value asks only for the field's presence. */
  | { kind: 'header'; field: string; value: string }
  | { kind: 'body'; value: string }
  | { kind: 'text'; value: string }
  | { kind: 'internal-date'; relation: DateRelation; date: CalendarDate }
  | { kind: 'sent-date'; relation: DateRelation; date: CalendarDate }
  /** RFC 8514 §4.1. */
  | { kind: 'save-date'; relation: DateRelation; date: CalendarDate }
  | { kind: 'save-date-supported' }
  | { kind: 'size'; relation: 'larger' | 'smaller'; sizeBytes: number }
  /** RFC 5032: the internal date lies more (older) or at most (younger) so many seconds back. */
  | { kind: 'age'; relation: 'older' | 'younger'; seconds: number }
  /** RFC 7162 §3.1.5: the entry (a flag's modseq) may be ignored. */
  | { kind: 'modseq'; modSeq: bigint; entry: { name: string; type: 'priv' | 'shared' | 'all' } | null }
  /** RFC 8474 §6. */
  | { kind: 'email-id'; id: string }
  | { kind: 'thread-id'; id: string }

export type DateRelation = 'before' | 'on' | 'since'

/** The keys are decoded from `charset`, as given. Without `charsetKnown` their texts mean nothing. */
export type SearchCriteria = { charset: string | null; charsetKnown: boolean; criteria: SearchKey }

/** RETURN (...): RFC 9051 §6.4.4, RFC 9394 PARTIAL, RFC 5267 UPDATE. An empty list asks for ALL. */
export type SearchReturn = {
  min: boolean
  max: boolean
  all: boolean
  count: boolean
  save: boolean
  update: boolean
  partial: PartialRange | null
}

/** RFC 5256 §3; the last two are of RFC 5957. */
export const sortKeys = [
  'arrival',
  'cc',
  'date',
  'from',
  'size',
  'subject',
  'to',
  'display-from',
  'display-to',
] as const
export type SortKey = (typeof sortKeys)[number]

export type SortCriterion = { key: SortKey; reverse: boolean }
