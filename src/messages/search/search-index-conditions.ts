/** What search documents tell of a text, in SQL, and which texts a message must have in the index's eyes. */
import { type RawBuilder, sql } from 'kysely'
import type { SearchCriterion } from './search-criterion.ts'
import type { AddressField } from './search-fields.ts'
import { foldHeaderText } from './search-fold.ts'
import { isPlainNeedle } from './search-index-document.ts'
import type { IndexedField, IndexedText } from './search-index-grams.ts'
import type { Test } from './search-logic.ts'

/** Which tables the conditions read, under the names `fields` and `texts`. */
export type DocumentTables = { fields: boolean; texts: boolean }

export type DocumentTest = Omit<Test<never>, 'holds'>

const unknown: DocumentTest = { possible: true, certain: false, texts: null }

const columnOf = {
  subject: 'subject',
  from: 'sender',
  to: 'recipients',
  cc: 'cc',
  bcc: 'bcc',
} as const satisfies Record<AddressField | 'subject', IndexedField>

type SentDate = Extract<SearchCriterion, { kind: 'sent-date' }>

export const documentTests = {
  unknown,

  fieldContains(tables: DocumentTables, name: AddressField | 'subject', needle: string): DocumentTest {
    if (!isPlainNeedle(needle)) return unknown
    tables.fields = true
    const field = columnOf[name]
    const column = sql.ref(`fields.${field}`)
    return exact(sql`coalesce(position(${needle}::text in ${column}) > 0, false)`, [
      [{ field, text: needle }],
    ])
  },

  sentOn(tables: DocumentTables, { relation, day }: SentDate): DocumentTest {
    tables.fields = true
    const operator = { before: sql`<`, on: sql`=`, since: sql`>=` }[relation]
    return exact(sql`coalesce(fields.sent_day ${operator} ${day}::text, false)`, null)
  },

  hasAttachment(tables: DocumentTables): DocumentTest {
    tables.fields = true
    return exact(sql`fields.has_attachment`, null)
  },

  /** In one line of the headers stands the field's name, and the text in the same or another. */
  headerContains(tables: DocumentTables, name: string, needle: string): DocumentTest {
    const start = foldHeaderText(`${name}:`)
    if (!isPlainNeedle(needle) || !isPlainNeedle(start)) return unknown
    if (needle.includes('\n')) return never
    tables.texts = true
    const possible = sql<boolean>`(${within('header', start)} and ${within('header', needle)} or texts.is_cut)`
    const texts: IndexedText[] = [start, needle].map((text) => ({ field: 'header', text }))
    return { possible, certain: false, texts: [texts] }
  },

  contentContains(tables: DocumentTables, place: 'body' | 'anywhere', needle: string): DocumentTest {
    if (!isPlainNeedle(needle)) return unknown
    tables.texts = true
    // A line of a header has no line feed in it; between two of them there is one.
    const inHeader = place === 'anywhere' && !needle.includes('\n')
    const content = within('content', needle)
    const certain = inHeader ? sql<boolean>`(${content} or ${within('header', needle)})` : content
    const places: IndexedField[] = inHeader ? ['content', 'header'] : ['content']
    return {
      possible: sql<boolean>`(${certain} or texts.is_cut)`,
      certain,
      texts: places.map((field) => [{ field, text: needle }]),
    }
  },
}

const never: DocumentTest = { possible: false, certain: false, texts: [] }

function exact(condition: RawBuilder<boolean>, texts: Test<never>['texts']): DocumentTest {
  return { possible: condition, certain: condition, texts }
}

function within(column: 'header' | 'content', needle: string): RawBuilder<boolean> {
  return sql<boolean>`position(${needle}::text in ${sql.ref(`texts.${column}`)}) > 0`
}
