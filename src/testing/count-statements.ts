/** For tests that must not depend on how much there is: how many statements some work sends. */
import { mock } from 'node:test'
import pg from 'pg'

/**
 * BEGIN and COMMIT count, and what else this process sends meanwhile. What the feed of events sends of its own accord
 * does not: whether it falls into the work is a matter of time.
 */
export async function countStatements(work: () => Promise<unknown>): Promise<number> {
  const spy = mock.method(pg.Client.prototype, 'query')
  try {
    await work()
    return spy.mock.calls.filter((call) => !isOfFeed(call.arguments[0])).length
  } finally {
    spy.mock.restore()
  }
}

/** Its word to the other nodes, and its regular look at the log; one that `catchUp` asks for wants all (event-feed.ts). */
function isOfFeed(statement: unknown): boolean {
  const { name, text, values } = Object(statement)
  if (name === 'event_feed') return values[0] === false
  return typeof text === 'string' && text.startsWith('select pg_notify(')
}
