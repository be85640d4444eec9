/**
 * The logic of a search: a tree of tests that may not be decided yet. SQL decides some tests wholly, others only for
 * some messages, and knows nothing of the rest. So each test says which messages may match and which certainly do.
 * Under NOT the two change places: what may match is what does not certainly match inside.
 */
import { type RawBuilder, sql } from 'kysely'
import type { IndexedText } from './search-index-grams.ts'

export type Condition = RawBuilder<boolean> | boolean

export type Test<Facts> = {
  /** Holds in SQL for every message that may match. */
  possible: Condition
  /** Holds in SQL only for messages that match. */
  certain: Condition
  /** By facts; null while they do not tell. */
  holds: (facts: Facts) => boolean | null
  /** A message that matches has all texts of one of these lists. Null: nothing is known. */
  texts: readonly (readonly IndexedText[])[] | null
}

export type Query<Facts> =
  | { kind: 'test'; test: Test<Facts> }
  | { kind: 'and' | 'or'; of: readonly Query<Facts>[] }
  | { kind: 'not'; of: Query<Facts> }

/** A condition that holds for every message that the query may match. */
export function possible<Facts>(query: Query<Facts>): Condition {
  return bound(query, 'possible')
}

/** A condition that holds only for messages that the query does match. */
export function certain<Facts>(query: Query<Facts>): Condition {
  return bound(query, 'certain')
}

export function asSql(condition: Condition): RawBuilder<boolean> {
  return typeof condition === 'boolean' ? sql`${sql.lit(condition)}` : sql`(${condition})`
}

/** Whether SQL alone decides the query. */
export function isExact<Facts>(query: Query<Facts>): boolean {
  if (query.kind === 'test') return query.test.possible === query.test.certain
  return query.kind === 'not' ? isExact(query.of) : query.of.every(isExact)
}

/** Three-valued (Kleene): null where the facts do not decide. */
export function evaluate<Facts>(query: Query<Facts>, facts: Facts): boolean | null {
  if (query.kind === 'test') return query.test.holds(facts)
  if (query.kind === 'not') {
    const inner = evaluate(query.of, facts)
    return inner === null ? null : !inner
  }
  const decisive = query.kind === 'or'
  let result: boolean | null = !decisive
  for (const one of query.of) {
    const value = evaluate(one, facts)
    if (value === decisive) return decisive
    if (value === null) result = null
  }
  return result
}

function bound<Facts>(query: Query<Facts>, side: 'possible' | 'certain'): Condition {
  if (query.kind === 'test') return query.test[side]
  if (query.kind === 'not') {
    const inner = bound(query.of, side === 'possible' ? 'certain' : 'possible')
    return typeof inner === 'boolean' ? !inner : sql<boolean>`not (${inner})`
  }
  const decisive = query.kind === 'or'
  const conditions: RawBuilder<boolean>[] = []
  for (const one of query.of) {
    const condition = bound(one, side)
    if (condition === decisive) return decisive
    if (typeof condition !== 'boolean') conditions.push(sql`(${condition})`)
  }
  if (conditions.length === 0) return !decisive
  return sql<boolean>`${sql.join(conditions, decisive ? sql` or ` : sql` and `)}`
}
