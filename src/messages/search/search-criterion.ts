/** What a search asks for, without regard to who asks: IMAP and the API say it in their own words. */
import type { SystemFlag } from '../flags.ts'
import type { UidRange } from '../uid-ranges.ts'

/**
 * What is asked for. Texts are found as substrings, without regard to case and to how they were encoded (RFC 2047,
 * charsets, transfer encodings). An empty text is found wherever its field exists.
 */
export type SearchCriterion =
  | { kind: 'all' }
  | { kind: 'and' | 'or'; criteria: readonly SearchCriterion[] }
  | { kind: 'not'; criterion: SearchCriterion }
  | { kind: 'uids'; ranges: readonly UidRange[] }
  | { kind: 'flag'; flag: SystemFlag }
  | { kind: 'keyword'; keyword: string }
  /** `before` excludes the instant, `since` includes it. */
  | { kind: 'internal-date' | 'saved-date'; relation: 'before' | 'since'; at: Date }
  /** The day in the Date field as the sender wrote it, without its time and zone; `day` is `2026-02-28`. */
  | { kind: 'sent-date'; relation: 'before' | 'on' | 'since'; day: string }
  | { kind: 'size'; relation: 'larger' | 'smaller'; sizeBytes: number }
  | { kind: 'modseq'; atLeast: number }
  | { kind: 'body-id' | 'thread-id'; id: string }
  /** Names and addresses of the field, as `Ann <ann@example.test>`. */
  | { kind: 'address'; field: 'from' | 'to' | 'cc' | 'bcc'; text: string }
  | { kind: 'subject'; text: string }
  /** Has a part that is meant to be kept as a file. */
  | { kind: 'attachment' }
  /** `field` in any case. */
  | { kind: 'header'; field: string; text: string }
  /** In the text parts, those of attached messages included. */
  | { kind: 'body'; text: string }
  /** In the text parts or in any header: the message's, a part's, or an attached message's. */
  | { kind: 'text'; text: string }
