/**
 * Turns what a search asks for into tests: by SQL where the row or the message's search document tells, else by
 * envelope, header or text.
 */
import { type RawBuilder, sql } from 'kysely'
import { hasAttachments } from '../content/read-content.ts'
import { flagBits } from '../flags.ts'
import type { Envelope } from '../mime/envelope.ts'
import type { MimePart } from '../mime/structure.ts'
import { isInRanges, isWithinRanges, mergeUidRanges } from '../uid-ranges.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { foldedAddresses, foldedField, sentDayOf } from './search-fields.ts'
import { foldText } from './search-fold.ts'
import { type DocumentTables, type DocumentTest, documentTests } from './search-index-conditions.ts'
import type { Query, Test } from './search-logic.ts'
import type { FoundNeedles, Needles } from './search-texts.ts'

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
  /** The tables of search documents that the conditions read; null: none, because they know no documents. */
  documents: DocumentTables | null
}

type Scope = Omit<CompiledSearch, 'query'>
type Facts = MessageFacts
type CriterionOf<Kind extends SearchCriterion['kind']> = Extract<SearchCriterion, { kind: Kind }>

/** @param from whether the messages have search documents that conditions may read. */
export function compileSearch(
  criterion: SearchCriterion,
  from: 'messages' | 'documents' = 'messages',
): CompiledSearch {
  const scope: Scope = {
    needs: { envelope: false, content: false },
    headerFields: new Set(),
    needles: { body: new Set(), anywhere: new Set() },
    documents: from === 'documents' ? { fields: false, texts: false } : null,
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
    case 'attachment':
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
      return onRow(sql`messages.flags & ${sql.lit(bit)} <> 0`, (row) => (row.flags & bit) !== 0)
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
  return { possible: condition, certain: condition, holds: ({ row }) => holds(row), texts: null }
}

/** A test that SQL decides as far as documents tell, where there are any. */
function onDocument(
  scope: Scope,
  ask: (tests: typeof documentTests, tables: DocumentTables) => DocumentTest,
  holds: (facts: Facts) => boolean | null,
): Test<Facts> {
  const known = scope.documents === null ? documentTests.unknown : ask(documentTests, scope.documents)
  return { ...known, holds }
}

function uidTest(criterion: CriterionOf<'uids'>): Test<Facts> {
  const ranges = mergeUidRanges(criterion.ranges)
  return onRow(isWithinRanges(sql.ref('messages.uid'), ranges), (row) => isInRanges(ranges, row.uid))
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

type EnvelopeCriterion = CriterionOf<'sent-date' | 'address' | 'attachment'>

/** By what is stored with a body: its envelope and its structure. */
function envelopeTest(criterion: EnvelopeCriterion, scope: Scope): Test<Facts> {
  switch (criterion.kind) {
    case 'sent-date':
      return onEnvelope(
        scope,
        (tests, tables) => tests.sentOn(tables, criterion),
        (envelope) => isOnSide(sentDayOf(envelope), criterion),
      )
    case 'address': {
      const needle = foldText(criterion.text)
      return onEnvelope(
        scope,
        (tests, tables) => tests.fieldContains(tables, criterion.field, needle),
        (envelope) => foldedAddresses(envelope, criterion.field)?.includes(needle) ?? false,
      )
    }
    case 'attachment':
      scope.needs.content = true // with the structure
      return onDocument(
        scope,
        (tests, tables) => tests.hasAttachment(tables),
        ({ row }) => (row.structure === null ? null : hasAttachments(row.structure)),
      )
  }
}

function onEnvelope(
  scope: Scope,
  ask: (tests: typeof documentTests, tables: DocumentTables) => DocumentTest,
  holds: (envelope: Envelope) => boolean,
): Test<Facts> {
  scope.needs.envelope = true
  return onDocument(scope, ask, ({ row }) => (row.envelope === null ? null : holds(row.envelope)))
}

/** A message without a readable Date was sent on no day. Days sort as text. */
function isOnSide(day: string | null, criterion: CriterionOf<'sent-date'>): boolean {
  if (day === null) return false
  if (criterion.relation === 'on') return day === criterion.day
  return criterion.relation === 'before' ? day < criterion.day : day >= criterion.day
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
  const contains = (value: string) => foldedField(value).includes(needle)
  const kept = keptFields.get(field)
  if (kept !== undefined) {
    return onEnvelope(
      scope,
      (tests, tables) =>
        kept === 'subject'
          ? tests.fieldContains(tables, kept, needle)
          : tests.headerContains(tables, field, needle),
      (envelope) => {
        const value = envelope[kept]
        return value !== null && contains(value)
      },
    )
  }
  scope.needs.content = true
  scope.headerFields.add(field)
  return onDocument(
    scope,
    (tests, tables) => tests.headerContains(tables, field, needle),
    ({ header }) => (header === null ? null : (header.get(field) ?? []).some(contains)),
  )
}

function contentTest(criterion: CriterionOf<'body' | 'text'>, scope: Scope): Test<Facts> {
  scope.needs.content = true
  const needle = foldText(criterion.text)
  const place = criterion.kind === 'body' ? 'body' : 'anywhere'
  scope.needles[place].add(needle)
  return onDocument(
    scope,
    (tests, tables) => tests.contentContains(tables, place, needle),
    ({ needles }) => (needles === null ? null : needles[place].has(needle)),
  )
}
