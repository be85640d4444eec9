import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { EnvelopeAddress } from '../mime/envelope.ts'
import { createSorter, type SortCriterion, type SortFacts, type SortKey } from './sort-order.ts'
import { runAtOnce } from './sort-steps.ts'

const address = (mailbox: string | null, host: string | null = 'x.test', name: string | null = null) =>
  ({ name, mailbox, host }) satisfies EnvelopeAddress

const messages: Partial<SortFacts>[] = [
  { subject: 'Re: beta', date: '2 Jan 2024 00:00 +0000', sizeBytes: 30, firstFrom: address('carl') },
  { subject: 'Alpha', date: '1 Jan 2024 23:00 -0200', sizeBytes: 10, firstFrom: address('Ann', 'y.test') },
  { subject: 'BETA', date: null, arrivalMs: Date.UTC(2024, 0, 1), sizeBytes: 20, firstFrom: address('ann') },
  { subject: null, date: 'nonsense', arrivalMs: Date.UTC(2024, 5, 1), sizeBytes: 20, firstFrom: null },
  {
    subject: 'éa',
    date: '1 Jan 2023 00:00 +0000',
    arrivalMs: 5,
    sizeBytes: 25,
    firstFrom: address('zoe', 'x.test', '=?utf-8?Q?=C3=84nne?='),
  },
]

function order(criteria: SortCriterion[], facts: Partial<SortFacts>[] = messages): number[] {
  const sorter = createSorter(criteria, facts.length)
  const none = { firstFrom: null, firstTo: null, firstCc: null }
  for (const one of facts) {
    sorter.add({ arrivalMs: 0, sizeBytes: 0, date: null, subject: null, ...none, ...one })
  }
  return Array.from(runAtOnce(sorter.order()), (place) => place + 1)
}

const by = (text: string): SortCriterion[] =>
  text.split(' ').map((one) => ({ key: one.replace('-r:', '') as SortKey, reverse: one.startsWith('-r:') }))

const rows: [criteria: string, places: number[]][] = [
  ['arrival', [1, 2, 5, 3, 4]],
  ['-r:arrival', [4, 3, 5, 1, 2]], // equal ones keep the mailbox's order
  ['date', [5, 3, 1, 2, 4]],
  ['size', [2, 3, 4, 5, 1]],
  ['-r:size', [1, 5, 3, 4, 2]],
  ['subject', [4, 2, 1, 3, 5]],
  ['subject date', [4, 2, 3, 1, 5]],
  ['-r:subject date', [5, 3, 1, 2, 4]],
  ['from', [4, 2, 3, 1, 5]],
  ['from -r:size', [4, 3, 2, 1, 5]],
  ['display-from', [4, 3, 2, 5, 1]],
  ['to', [1, 2, 3, 4, 5]],
]
describe('orders', () => {
  for (const [criteria, places] of rows) test(criteria, () => assert.deepEqual(order(by(criteria)), places))
})

const displayed: [address: EnvelopeAddress | null, before: string, after: string][] = [
  [null, '', 'a'],
  [address('bo', 'x.test', ''), 'bo@x.tess', 'bo@x.tesu'], // RFC 5957 §3: an empty name is none
  [address('group', null), 'grouo', 'groupa'],
  [address(null, null), '', 'a'],
  [address('x', 'x.test', 'Bo'), 'bn', 'bp'],
]
for (const [one, before, after] of displayed) {
  test(`what is displayed of ${JSON.stringify(one)}`, () => {
    const named = (name: string) => ({ firstTo: address(null, null, name) })
    assert.deepEqual(order(by('display-to'), [named(after), { firstTo: one }, named(before)]), [
      ...(before === '' ? [2, 3] : [3, 2]),
      1,
    ])
  })
}

test('every order is a stable sort of all messages', () => {
  const facts = fc.record({
    arrivalMs: fc.nat(3),
    sizeBytes: fc.nat(3),
    subject: fc.option(fc.constantFrom('a', 'Re: a', 'B', 'é', '[x] b')),
  })
  const criterion = fc.record({
    key: fc.constantFrom<SortKey>('arrival', 'size', 'subject', 'date'),
    reverse: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(facts, { maxLength: 40 }),
      fc.array(criterion, { minLength: 1, maxLength: 3 }),
      (all, criteria) => {
        const places = order(criteria, all)
        assert.deepEqual(
          places.toSorted((a, b) => a - b),
          all.map((_, at) => at + 1),
        )
        for (const [at, place] of places.entries()) {
          const next = places[at + 1]
          if (next !== undefined) assert.ok(compare(all, criteria, place, next) < 0)
        }
      },
    ),
  )
})

/** The order of two messages by each criterion alone, as single sorts of the two give it. */
function compare(all: Partial<SortFacts>[], criteria: SortCriterion[], a: number, b: number): number {
  for (const criterion of criteria) {
    const pair = [all[a - 1] ?? {}, all[b - 1] ?? {}]
    const forward = order([criterion], pair)[0] === 1
    const backward = order([criterion], pair.toReversed())[0] === 2
    if (forward && backward) return -1
    if (!forward) return 1
  }
  return a - b
}
