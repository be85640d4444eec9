/** For tests that must not depend on how much there is: how many statements some work sends. */
import { mock } from 'node:test'
import pg from 'pg'

/** BEGIN and COMMIT count, and what else this process sends meanwhile. */
export async function countStatements(work: () => Promise<unknown>): Promise<number> {
  const spy = mock.method(pg.Client.prototype, 'query')
  try {
    await work()
    return spy.mock.callCount()
  } finally {
    spy.mock.restore()
  }
}
