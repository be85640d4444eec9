/** Reading one mailbox by its id, over connections that are kept open. */
import { callApi } from '../src/testing/child-server.ts'
import { getLoad } from './http-load.ts'
import { makeMailboxes, withServer } from './server.ts'
import type { Row } from './table.ts'

const mailboxes = 1000
const connections = 20

export async function api(): Promise<Row[]> {
  return await withServer(async (server) => {
    await makeMailboxes(server, 'user', mailboxes)
    const ids: string[] = []
    let cursor = ''
    do {
      const page = await callApi<{ data: { id: string }[]; next_cursor: string | null }>(
        server,
        'GET',
        `/v1/mailboxes?limit=200${cursor}`,
      )
      ids.push(...page.data.map((mailbox) => mailbox.id))
      cursor = page.next_cursor === null ? '' : `&cursor=${encodeURIComponent(page.next_cursor)}`
    } while (cursor !== '')
    const load = (requests: number) =>
      getLoad({
        url: new URL(server.endpoints.http ?? ''),
        token: server.apiKey,
        connections,
        requests,
        path: (n) => `/v1/mailboxes/${ids[(n * 7919) % ids.length]}`,
      })
    await load(5000)
    const { perSecond, latenciesMs } = await load(20_000)
    return [
      { what: 'GET /v1/mailboxes/{id}', value: perSecond, unit: '/s', goal: { atLeast: 3000 } },
      {
        what: 'latency, 99th percentile',
        value: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
        unit: 'ms',
      },
    ]
  })
}
