import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { placeSpan, type Span, spanAt, spanToExtend } from './timeline.ts'

/** Spans begin before `latest` and last `longest` at most or have no end: behind `endless` nothing begins. */
const latest = 99
const longest = 20
const endless = latest + longest + 1

type Action =
  | { kind: 'place'; from: number; until: number | null }
  | { kind: 'remove'; number: number }
  | { kind: 'end'; number: number; until: number }

const moment = fc.integer({ min: 0, max: latest })
const action: fc.Arbitrary<Action> = fc.oneof(
  fc
    .tuple(moment, fc.option(fc.integer({ min: 1, max: longest })))
    .map(([from, lasts]) => ({ kind: 'place' as const, from, until: lasts === null ? null : from + lasts })),
  fc.nat({ max: 10 }).map((number) => ({ kind: 'remove' as const, number })),
  fc.tuple(fc.nat({ max: 10 }), moment).map(([number, until]) => ({ kind: 'end' as const, number, until })),
)

/** What was asked for, without a rule of the timeline's: at each moment the price that holds. */
type Model = (string | null)[]

function applyPlace(spans: Span[], model: Model, { from, until }: Omit<Span, 'id'>, id: string): Span[] {
  const placed = placeSpan(spans, { from, until })
  const begins = spans.map((span) => span.from)
  const next = Math.min(endless, ...begins.filter((begin) => begin >= from))
  assert.equal(placed === null, begins.includes(from) || (until !== null && until > next))
  if (placed === null) return spans
  for (let at = from; at < Math.min(endless, until ?? next); at++) model[at] = id
  const kept = spans.map((span) => (span.id === placed.cut?.id ? { ...span, until: placed.cut.until } : span))
  // An id of its own, also where the same price has gone on after an interruption before: as the table gives it one.
  const resumed =
    placed.resume === null ? [] : [{ ...placed.resume, id: `${sourceOf(placed.resume.id)} after ${id}` }]
  return [...kept, { id, from, until: placed.until }, ...resumed]
}

function applyRemove(spans: Span[], model: Model, number: number): Span[] {
  const removed = spans[number]
  if (!removed) return spans
  const extended = spanToExtend(spans, removed)
  for (let at = removed.from; at < Math.min(endless, removed.until ?? endless); at++) {
    model[at] = extended === null ? null : sourceOf(extended.id)
  }
  const left = spans.filter((span) => span.id !== removed.id)
  return left.map((span) => (span.id === extended?.id ? { ...span, until: extended.until } : span))
}

function applyEnd(spans: Span[], model: Model, number: number, until: number): Span[] {
  const ended = spans[number]
  if (!ended || until <= ended.from || (ended.until !== null && until >= ended.until)) return spans
  for (let at = until; at < Math.min(endless, ended.until ?? endless); at++) model[at] = null
  return spans.map((span) => (span.id === ended.id ? { ...span, until } : span))
}

/** What goes on after an interruption is the same price. */
const sourceOf = (id: string): string => id.replace(/ after .*/, '')

test('at every moment the price holds that was asked for last, and never two', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
      let spans: Span[] = []
      const model: Model = Array.from({ length: endless }, () => null)
      for (const [count, one] of actions.entries()) {
        if (one.kind === 'place') spans = applyPlace(spans, model, one, `price${count}`)
        else if (one.kind === 'remove') spans = applyRemove(spans, model, one.number)
        else spans = applyEnd(spans, model, one.number, one.until)
        for (let at = 0; at < endless; at++) {
          const holding = spans.filter((span) => span.from <= at && (span.until === null || span.until > at))
          assert.ok(holding.length <= 1, `two hold at ${at}`)
          const held = spanAt(spans, at)
          assert.equal(held === null ? null : sourceOf(held.id), model[at], `at ${at}`)
        }
      }
    }),
    { numRuns: 500 },
  )
})
