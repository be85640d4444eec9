/** SORT's orders (RFC 5256 §3, RFC 5957) on what is known of messages: pure, and lean enough for a million of them. */
import { decodeHeaderText } from '../mime/encoded-words.ts'
import type { EnvelopeAddress } from '../mime/envelope.ts'
import { collationKey, compareCodePoints } from './sort-collation.ts'
import { sentTime } from './sort-sent-date.ts'
import { type Steps, sortSteps } from './sort-steps.ts'
import { baseSubject } from './sort-subject.ts'

export type SortKey =
  | 'arrival'
  | 'cc'
  | 'date'
  | 'from'
  | 'size'
  | 'subject'
  | 'to'
  | 'display-from'
  | 'display-to'

/** The first counts most. `reverse` is of this criterion only: messages that are equal keep the mailbox's order. */
export type SortCriterion = { key: SortKey; reverse: boolean }

/** Times in milliseconds since 1970. `date` and `subject` are the fields as they stand in the header. */
export type SortFacts = {
  arrivalMs: number
  sizeBytes: number
  date: string | null
  subject: string | null
  firstFrom: EnvelopeAddress | null
  firstTo: EnvelopeAddress | null
  firstCc: EnvelopeAddress | null
}

export type Sorter = {
  /** The next message, in mailbox order. */
  add(facts: SortFacts): void
  /** The places of the messages, counted from 0 as they were added, in the order that was asked for. */
  order(): Steps<Uint32Array>
}

/** Of longer texts only so much is compared. */
const textCharsMax = 2_000

/** @param count how many messages will be added. */
export function createSorter(criteria: readonly SortCriterion[], count: number): Sorter {
  const columns = criteria.map((criterion) => ({ ...criterion, column: createColumn(criterion.key, count) }))
  let added = 0
  return {
    add(facts) {
      for (const { column } of columns) column.set(added, facts)
      added += 1
    },
    *order() {
      const keys: { values: Float64Array; sign: number }[] = []
      for (const { column, reverse } of columns)
        keys.push({ values: yield* column.values(), sign: reverse ? -1 : 1 })
      const places = Uint32Array.from({ length: added }, (_, place) => place)
      yield* sortSteps(places, (a, b) => {
        for (const { values, sign } of keys) {
          const difference = (values[a] ?? 0) - (values[b] ?? 0)
          if (difference !== 0) return difference * sign
        }
        return a - b
      })
      return places
    },
  }
}

type Column = {
  set(place: number, facts: SortFacts): void
  /** Numbers that sort as the column does. */
  values(): Steps<Float64Array>
}

function createColumn(key: SortKey, count: number): Column {
  switch (key) {
    case 'arrival':
      return numberColumn(count, ({ arrivalMs }) => arrivalMs)
    case 'size':
      return numberColumn(count, ({ sizeBytes }) => sizeBytes)
    case 'date':
      return numberColumn(count, sentMs)
    case 'subject':
      return textColumn(count, ({ subject }) => baseSubject(subject).base)
    case 'from':
      return textColumn(count, ({ firstFrom }) => firstFrom?.mailbox ?? '')
    case 'to':
      return textColumn(count, ({ firstTo }) => firstTo?.mailbox ?? '')
    case 'cc':
      return textColumn(count, ({ firstCc }) => firstCc?.mailbox ?? '')
    case 'display-from':
      return textColumn(count, ({ firstFrom }) => displayText(firstFrom))
    case 'display-to':
      return textColumn(count, ({ firstTo }) => displayText(firstTo))
  }
}

/** The sent date, RFC 5256 §2.2. */
export function sentMs({ date, arrivalMs }: Pick<SortFacts, 'date' | 'arrivalMs'>): number {
  return sentTime(date) ?? arrivalMs
}

/** RFC 5957 §3. */
function displayText(address: EnvelopeAddress | null): string {
  if (address === null) return ''
  const name = decodeHeaderText(address.name ?? '')
  if (name !== '') return name
  if (address.mailbox === null) return ''
  return address.host === null ? address.mailbox : `${address.mailbox}@${address.host}`
}

function numberColumn(count: number, numberOf: (facts: SortFacts) => number): Column {
  const values = new Float64Array(count)
  return {
    set(place, facts) {
      values[place] = numberOf(facts)
    },
    // biome-ignore lint/correctness/useYield: there is nothing left to do
    *values() {
      return values
    },
  }
}

/** Each text is held once, and the texts are sorted, not the messages: then a number stands for each. */
function textColumn(count: number, textOf: (facts: SortFacts) => string): Column {
  const ids = new Float64Array(count)
  const idOf = new Map<string, number>()
  return {
    set(place, facts) {
      const text = collationKey(textOf(facts).slice(0, textCharsMax))
      const id = idOf.get(text) ?? idOf.size
      if (id === idOf.size) idOf.set(text, id)
      ids[place] = id
    },
    *values() {
      const texts = [...idOf.keys()]
      const sorted = Uint32Array.from(texts, (_, id) => id)
      yield* sortSteps(sorted, (a, b) => compareCodePoints(texts[a] ?? '', texts[b] ?? ''))
      const rankOf = new Uint32Array(sorted.length)
      for (const [rank, id] of sorted.entries()) rankOf[id] = rank
      return ids.map((id) => rankOf[id] ?? 0)
    },
  }
}
