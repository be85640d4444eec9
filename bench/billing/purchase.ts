/** One mailbox by one call, free and paid, in turn against two servers: what billing adds to it. */
import { type ChildServer, callApi } from '../../src/testing/child-server.ts'
import { percentile } from '../percentile.ts'
import { withServer } from '../server.ts'
import type { Row } from '../table.ts'

const purchases = 600
const warmUps = 50
const environment = { MAILWRIGHT_ROLES: 'http' }

export async function purchase(): Promise<Row[]> {
  return await withServer(
    async (free) =>
      await withServer(
        async (paid) => {
          await prepare(paid)
          const times = { free: [] as number[], paid: [] as number[] }
          for (let n = 0; n < warmUps + purchases; n++) {
            const [one, other] = [await buy(free, n), await buy(paid, n)]
            if (n < warmUps) continue
            times.free.push(one)
            times.paid.push(other)
          }
          const row = (what: string, ms: number): Row => ({ what, value: ms, unit: 'ms' })
          const added = percentile(times.paid, 0.5) - percentile(times.free, 0.5)
          return [
            row('a mailbox that is free, median', percentile(times.free, 0.5)),
            row('a mailbox that is paid, median', percentile(times.paid, 0.5)),
            row('a mailbox that is free, p95', percentile(times.free, 0.95)),
            row('a mailbox that is paid, p95', percentile(times.paid, 0.95)),
            { what: 'billing adds at the median', value: added, unit: 'ms', goal: { atMost: 3 } },
          ]
        },
        { ...environment, MAILWRIGHT_BILLING: 'on' },
      ),
    environment,
  )
}

/** A price, and money for all of them. */
async function prepare(server: ChildServer): Promise<void> {
  const { data } = await callApi<{ data: { id: string }[] }>(server, 'GET', '/v1/workspaces')
  const workspace = data[0]?.id ?? ''
  await callApi(server, 'POST', `/v1/wallets/${workspace}/credits`, {
    kind: 'top_up',
    amount: 100_000_000,
    description: 'Of the benchmark',
  })
  const price = { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 300 }
  await callApi(server, 'POST', '/v1/prices', price)
}

async function buy(server: ChildServer, n: number): Promise<number> {
  const from = performance.now()
  await callApi(server, 'POST', '/v1/mailboxes', { address: `bought${n}@bench.test` })
  return performance.now() - from
}
