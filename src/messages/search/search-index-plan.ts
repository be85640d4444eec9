/**
 * From a query to the messages of a segment that may match, by their grams. A plan says less than the query: what the
 * index does not know is left out of an AND, and makes an OR or a NOT unknown as a whole.
 */
import type { IndexedField, IndexedText } from './search-index-grams.ts'
import { type GramRange, rangesOf } from './search-index-grams.ts'
import type { Query } from './search-logic.ts'

export type GramRequest = { field: IndexedField; range: GramRange }

export type Plan =
  | { kind: 'all-of' | 'any-of'; of: readonly Plan[] }
  /** Documents with a gram; `request` is its place among the requests. */
  | { kind: 'gram'; request: number }
  /** Documents that do not have all of their texts. */
  | { kind: 'cut' }

export type CandidatePlan = { plan: Plan; requests: GramRequest[] }

/** @returns null when any message may match. */
export function planCandidates<Facts>(query: Query<Facts>): CandidatePlan | null {
  const requests: GramRequest[] = []
  const plan = planOf(query, requests)
  return plan === null ? null : { plan, requests }
}

function planOf<Facts>(query: Query<Facts>, requests: GramRequest[]): Plan | null {
  switch (query.kind) {
    case 'not':
      return null
    case 'test':
      return query.test.texts === null
        ? null
        : anyOf(query.test.texts.map((texts) => allOf(texts.map((text) => textPlan(text, requests)))))
    case 'and':
      return allOf(query.of.map((one) => planOf(one, requests)))
    case 'or':
      return anyOf(query.of.map((one) => planOf(one, requests)))
  }
}

function allOf(plans: readonly (Plan | null)[]): Plan | null {
  const known = plans.filter((plan) => plan !== null)
  return known.length === 0 ? null : { kind: 'all-of', of: known }
}

function anyOf(plans: readonly (Plan | null)[]): Plan | null {
  const known = plans.filter((plan) => plan !== null)
  return known.length < plans.length ? null : { kind: 'any-of', of: known }
}

function textPlan(text: IndexedText, requests: GramRequest[]): Plan | null {
  const { field } = text
  const grams = rangesOf(text).map((range) => ({
    kind: 'gram' as const,
    request: requestOf({ field, range }, requests),
  }))
  const plan = allOf(grams)
  const mayBeCut = field === 'content' || field === 'header'
  return plan !== null && mayBeCut ? { kind: 'any-of', of: [plan, { kind: 'cut' }] } : plan
}

function requestOf(wanted: GramRequest, requests: GramRequest[]): number {
  const known = requests.findIndex(
    ({ field, range }) =>
      field === wanted.field && range.first === wanted.range.first && range.last === wanted.range.last,
  )
  return known === -1 ? requests.push(wanted) - 1 : known
}

/** What is known of a segment: a bit for each document number. */
export type SegmentBits = { words: number; grams: readonly Uint32Array[]; cut: Uint32Array }

export function evaluatePlan(plan: Plan, segment: SegmentBits): Uint32Array {
  if (plan.kind === 'cut') return segment.cut
  if (plan.kind === 'gram') return segment.grams[plan.request] ?? new Uint32Array(segment.words)
  const isAll = plan.kind === 'all-of'
  const result = new Uint32Array(segment.words).fill(isAll ? 0xffffffff : 0)
  for (const one of plan.of) {
    const bits = evaluatePlan(one, segment)
    for (let at = 0; at < result.length; at++) {
      const [a, b] = [result[at] ?? 0, bits[at] ?? 0]
      result[at] = isAll ? a & b : a | b
    }
  }
  return result
}
