/**
 * The logic of a search: a tree of tests that may not be decided yet. SQL decides some tests and knows nothing of the
 * others, so it gets a condition that holds for every message that may match. Under NOT that turns around: what may
 * match is what does not certainly match inside.
 */
import { type RawBuilder, sql } from 'kysely'

/** A test by SQL, or null where SQL cannot tell; and by facts, which gives null while the facts do not tell. */
export type Test<Facts> = { condition: RawBuilder<boolean> | null; holds: (facts: Facts) => boolean | null }

export type Query<Facts> =
  | { kind: 'test'; test: Test<Facts> }
  | { kind: 'and' | 'or'; of: readonly Query<Facts>[] }
  | { kind: 'not'; of: Query<Facts> }

export type Condition = RawBuilder<boolean> | boolean

/** A condition that holds for every message that the query may match. */
export function possible<Facts>(query: Query<Facts>): Condition {
  return bound(query, true)
}

/** Whether SQL alone decides the query. */
export function isExact<Facts>(query: Query<Facts>): boolean {
  if (query.kind === 'test') return query.test.condition !== null
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

/** @param undecided what a test that SQL cannot decide counts as: true for "may match", false for "does match". */
function bound<Facts>(query: Query<Facts>, undecided: boolean): Condition {
  if (query.kind === 'test') return query.test.condition ?? undecided
  if (query.kind === 'not') {
    const inner = bound(query.of, !undecided)
    return typeof inner === 'boolean' ? !inner : sql<boolean>`not (${inner})`
  }
  const decisive = query.kind === 'or'
  const conditions: RawBuilder<boolean>[] = []
  for (const one of query.of) {
    const condition = bound(one, undecided)
    if (condition === decisive) return decisive
    if (typeof condition !== 'boolean') conditions.push(sql`(${condition})`)
  }
  if (conditions.length === 0) return !decisive
  return sql<boolean>`${sql.join(conditions, decisive ? sql` or ` : sql` and `)}`
}
