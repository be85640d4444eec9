/** Turns what a search asks for into tests: by SQL where the row tells, else by envelope, header or text. */
import { type RawBuilder, sql } from 'kysely'
import { flagBits } from './flags.ts'
import type { EnvelopeAddress } from './mime/addresses.ts'
import { decodeHeaderText } from './mime/encoded-words.ts'
import type { Envelope } from './mime/envelope.ts'
import type { MimePart } from './mime/structure.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { foldHeaderText, foldText } from './search-fold.ts'
import type { Query, Test } from './search-logic.ts'
import { sentDay } from './search-sent-date.ts'
import type { FoundNeedles, Needles } from './search-texts.ts'
import { isInRanges, mergeUidRanges } from './uid-ranges.ts'

/** Envelope and structure are read only where the search needs them. */
export type SearchedRow = {
  uid: number
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  modseq: number
  body_id: string
  thread_id: string
  saved_at: Date
  envelope: Envelope | null
  structure: MimePart | null
}

/** What is known of a message. `header` has the fields of `headerFields`; both are null before they were read. */
export type MessageFacts = {
  row: SearchedRow
  header: ReadonlyMap<string, readonly string[]> | null
  needles: FoundNeedles | null
}

export type CompiledSearch = {
  query: Query<MessageFacts>
  needs: { envelope: boolean; content: boolean }
  /** Fields to be read from headers, in lower case. */
  headerFields: Set<string>
  /** Texts to be looked for in contents, folded. */
  needles: Needles
}

type Scope = Omit<CompiledSearch, 'query'>
type Facts = MessageFacts
type CriterionOf<Kind extends SearchCriterion['kind']> = Extract<SearchCriterion, { kind: Kind }>

export function compileSearch(criterion: SearchCriterion): CompiledSearch {
  const scope: Scope = {
    needs: { envelope: false, content: false },
    headerFields: new Set(),
    needles: { body: new Set(), anywhere: new Set() },
  }
  return { query: compile(criterion, scope), ...scope }
}

function compile(criterion: SearchCriterion, scope: Scope): Query<Facts> {
  switch (criterion.kind) {
    case 'all':
      return { kind: 'and', of: [] }
    case 'and':
    case 'or':
      return { kind: criterion.kind, of: criterion.criteria.map((one) => compile(one, scope)) }
    case 'not':
      return { kind: 'not', of: compile(criterion.criterion, scope) }
    case 'sent-date':
    case 'address':
      return { kind: 'test', test: envelopeTest(criterion, scope) }
    case 'subject':
      return { kind: 'test', test: headerTest({ ...criterion, kind: 'header', field: 'subject' }, scope) }
    case 'header':
      return { kind: 'test', test: headerTest(criterion, scope) }
    case 'body':
    case 'text':
      return { kind: 'test', test: contentTest(criterion, scope) }
    default:
      return { kind: 'test', test: rowTest(criterion) }
  }
}

type RowCriterion = CriterionOf<
  'uids' | 'flag' | 'keyword' | 'internal-date' | 'saved-date' | 'size' | 'modseq' | 'body-id' | 'thread-id'
>

/** Decided by the row, in SQL and again here: within OR and NOT the row's part is needed message by message. */
function rowTest(criterion: RowCriterion): Test<Facts> {
  switch (criterion.kind) {
    case 'uids':
      return uidTest(criterion)
    case 'flag': {
      const bit = flagBits[criterion.flag]
      return onRow(sql`messages.flags & ${bit} <> 0`, (row) => (row.flags & bit) !== 0)
    }
    case 'keyword': {
      const wanted = criterion.keyword.toLowerCase() // RFC 9051 §2.3.2: case does not tell keywords apart
      return onRow(
        sql`exists (select from unnest(messages.keywords) as keyword where lower(keyword) = ${wanted})`,
        (row) => row.keywords.some((keyword) => keyword.toLowerCase() === wanted),
      )
    }
    case 'internal-date':
      return dateTest(criterion, sql.ref('messages.internal_date'), (row) => row.internal_date)
    case 'saved-date':
      return dateTest(criterion, sql.ref('messages.saved_at'), (row) => row.saved_at)
    case 'size': {
      const { sizeBytes } = criterion
      return criterion.relation === 'larger'
        ? onRow(sql`messages.size_bytes > ${sizeBytes}::bigint`, (row) => row.size_bytes > sizeBytes)
        : onRow(sql`messages.size_bytes < ${sizeBytes}::bigint`, (row) => row.size_bytes < sizeBytes)
    }
    case 'modseq': {
      const { atLeast } = criterion
      return onRow(sql`messages.modseq >= ${atLeast}::bigint`, (row) => row.modseq >= atLeast)
    }
    case 'body-id':
      return onRow(sql`messages.body_id = ${criterion.id}::uuid`, (row) => row.body_id === criterion.id)
    case 'thread-id':
      return onRow(sql`messages.thread_id = ${criterion.id}::uuid`, (row) => row.thread_id === criterion.id)
  }
}

function onRow(condition: RawBuilder<boolean>, holds: (row: SearchedRow) => boolean): Test<Facts> {
  return { condition, holds: ({ row }) => holds(row) }
}

/** A multirange is searched by halves; the bounds before it let the primary key narrow the rows. */
function uidTest(criterion: CriterionOf<'uids'>): Test<Facts> {
  const ranges = mergeUidRanges(criterion.ranges)
  const first = ranges[0]?.first ?? 0
  const last = ranges.at(-1)?.last ?? 0
  const multirange = `{${ranges.map((range) => `[${range.first},${range.last}]`).join(',')}}`
  const within = sql<boolean>`messages.uid between ${first}::bigint and ${last}::bigint`
  const condition =
    ranges.length < 2 ? within : sql<boolean>`${within} and messages.uid <@ ${multirange}::int8multirange`
  return onRow(condition, (row) => isInRanges(ranges, row.uid))
}

function dateTest(
  criterion: CriterionOf<'internal-date' | 'saved-date'>,
  column: RawBuilder<unknown>,
  dateOf: (row: SearchedRow) => Date,
): Test<Facts> {
  const { at, relation } = criterion
  return relation === 'before'
    ? onRow(sql`${column} < ${at}::timestamptz`, (row) => dateOf(row) < at)
    : onRow(sql`${column} >= ${at}::timestamptz`, (row) => dateOf(row) >= at)
}

function envelopeTest(criterion: CriterionOf<'sent-date' | 'address'>, scope: Scope): Test<Facts> {
  scope.needs.envelope = true
  return onEnvelope(envelopeMatcher(criterion))
}

function onEnvelope(holds: (envelope: Envelope) => boolean): Test<Facts> {
  return { condition: null, holds: ({ row }) => (row.envelope === null ? null : holds(row.envelope)) }
}

function envelopeMatcher(criterion: CriterionOf<'sent-date' | 'address'>): (envelope: Envelope) => boolean {
  if (criterion.kind === 'sent-date') {
    return ({ date }) => isOnSide(date === null ? null : sentDay(date), criterion)
  }
  const needle = foldText(criterion.text)
  const { field } = criterion
  return (envelope) =>
    envelope[field].length > 0 && foldHeaderText(addressText(envelope[field])).includes(needle)
}

/** A message without a readable Date was sent on no day. Days sort as text. */
function isOnSide(day: string | null, criterion: CriterionOf<'sent-date'>): boolean {
  if (day === null) return false
  if (criterion.relation === 'on') return day === criterion.day
  return criterion.relation === 'before' ? day < criterion.day : day >= criterion.day
}

/** `Ann <ann@example.test>, friends:, bob@example.test`: as people write it, without the quotes of the wire. */
function addressText(addresses: readonly EnvelopeAddress[]): string {
  const shown = addresses.flatMap(({ name, mailbox, host }) => {
    if (mailbox === null) return [] // the end of a group
    if (host === null) return [`${decodeHeaderText(mailbox)}:`]
    const address = host === '' ? mailbox : `${mailbox}@${host}`
    return [name === null ? address : `${decodeHeaderText(name)} <${address}>`]
  })
  return shown.join(', ')
}

/** Fields that occur once (RFC 5322 §3.6) and are kept with the envelope: no message has to be opened for them. */
const keptFields = new Map<string, 'date' | 'subject' | 'inReplyTo' | 'messageId'>([
  ['date', 'date'],
  ['subject', 'subject'],
  ['in-reply-to', 'inReplyTo'],
  ['message-id', 'messageId'],
])

function headerTest(criterion: CriterionOf<'header'>, scope: Scope): Test<Facts> {
  const field = criterion.field.toLowerCase()
  const needle = foldText(criterion.text)
  const contains = (value: string) => foldHeaderText(decodeHeaderText(value)).includes(needle)
  const kept = keptFields.get(field)
  if (kept !== undefined) {
    scope.needs.envelope = true
    return onEnvelope((envelope) => {
      const value = envelope[kept]
      return value !== null && contains(value)
    })
  }
  scope.needs.content = true
  scope.headerFields.add(field)
  return {
    condition: null,
    holds: ({ header }) => (header === null ? null : (header.get(field) ?? []).some(contains)),
  }
}

function contentTest(criterion: CriterionOf<'body' | 'text'>, scope: Scope): Test<Facts> {
  scope.needs.content = true
  const needle = foldText(criterion.text)
  const place = criterion.kind === 'body' ? 'body' : 'anywhere'
  scope.needles[place].add(needle)
  return { condition: null, holds: ({ needles }) => (needles === null ? null : needles[place].has(needle)) }
}
