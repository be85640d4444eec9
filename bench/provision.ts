/** Ten thousand mailboxes in one call, and the thousandth of them logs in right after the reply. */
import type { ChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { makeMailboxes, withServer } from './server.ts'
import type { Row } from './table.ts'

const count = 10_000
const rounds = 3

export async function provision(): Promise<Row[]> {
  return await withServer(async (server) => {
    const perSecond: number[] = []
    let loginMs = 0
    for (let round = 1; round <= rounds; round++) {
      const startedAt = performance.now()
      const addresses = await makeMailboxes(server, `round${round}-`, count)
      perSecond.push((count / (performance.now() - startedAt)) * 1000)
      loginMs = await timeLogin(server, addresses[999] ?? '')
    }
    perSecond.sort((a, b) => a - b)
    return [
      {
        what: 'mailboxes in one call, median of 3',
        value: perSecond[1] ?? 0,
        unit: '/s',
        goal: { atLeast: 5000 },
      },
      { what: 'slowest of 3', value: perSecond[0] ?? 0, unit: '/s' },
      { what: 'credentials and IMAP login of the thousandth', value: loginMs, unit: 'ms' },
    ]
  })
}

/** The look at its password and the login, right after the reply of the call that made it. */
async function timeLogin(server: ChildServer, address: string): Promise<number> {
  const startedAt = performance.now()
  const client = await connectImap(server, address)
  const loginMs = performance.now() - startedAt
  await client.logout()
  return loginMs
}
