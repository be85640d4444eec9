/** List pages at a thousand mailboxes and at a million: first, middle, by domain, by state, by tag, by search. */
import { type ChildServer, callApi } from '../src/testing/child-server.ts'
import { getLoad } from './http-load.ts'
import { withServer } from './server.ts'
import type { Row } from './table.ts'

const small = 1000
const large = 1_000_000
const perCall = 10_000
const requests = 1500

export async function pages(): Promise<Row[]> {
  return await withServer(async (server) => {
    await fill(server, 0, small)
    const before = await measure(server)
    const startedAt = performance.now()
    await fill(server, small, large)
    const seconds = (performance.now() - startedAt) / 1000
    const after = await measure(server)
    const rows: Row[] = [
      { what: 'filling to a million, by calls of 10,000', value: (large - small) / seconds, unit: '/s' },
    ]
    for (const [kind, ms] of before) {
      const later = after.get(kind) ?? 0
      rows.push({ what: `${kind}: median at 1,000`, value: ms, unit: 'ms' })
      rows.push({ what: `${kind}: median at 1,000,000`, value: later, unit: 'ms' })
      // A search has as many more matches to sort as there are more mailboxes: it is shown, not held to the goal.
      const goal = kind === 'by search' ? {} : { goal: { atMost: 1.3 } }
      rows.push({ what: `${kind}: times as long`, value: later / ms, unit: 'x', ...goal })
    }
    return rows
  })
}

/** Every hundredth mailbox has the tag `rare`, every one a name to search for. */
async function fill(server: ChildServer, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += perCall) {
    const count = Math.min(perCall, to - at)
    const mailboxes = Array.from({ length: count }, (_, index) => ({
      address: `user${at + index}@bench.test`,
      display_name: `Person ${at + index}`,
      tags: (at + index) % 100 === 0 ? ['rare', 'all'] : ['all'],
    }))
    await callApi(server, 'POST', '/v1/mailboxes', { mailboxes })
  }
}

async function measure(server: ChildServer): Promise<Map<string, number>> {
  const middle = await middleCursor(server)
  const kinds: Record<string, string> = {
    'first page': '/v1/mailboxes?limit=50',
    'page in the middle': `/v1/mailboxes?limit=50&cursor=${middle}`,
    'by domain': '/v1/mailboxes?limit=50&domain=bench.test',
    'by state': '/v1/mailboxes?limit=50&state=active',
    'by tag': '/v1/mailboxes?limit=50&tag=all',
    'by search': '/v1/mailboxes?limit=50&search=person%20777',
  }
  const medians = new Map<string, number>()
  for (const [kind, path] of Object.entries(kinds)) {
    const load = (count: number) =>
      getLoad({
        url: new URL(server.endpoints.http ?? ''),
        token: server.apiKey,
        connections: 1,
        requests: count,
        path: () => path,
      })
    await load(100)
    const { latenciesMs } = await load(requests)
    medians.set(kind, latenciesMs[Math.floor(latenciesMs.length / 2)] ?? 0)
  }
  return medians
}

/** A cursor in the middle of the list: of the mailbox with half the highest number. */
async function middleCursor(server: ChildServer): Promise<string> {
  let low = 0
  let high = large
  const exists = async (n: number): Promise<string | null> => {
    const response = await fetch(`${server.endpoints.http}/v1/mailboxes/user${n}@bench.test`, {
      headers: { authorization: `Bearer ${server.apiKey}` },
    })
    return response.ok ? ((await response.json()) as { id: string }).id : null
  }
  while (low < high - 1) {
    const half = Math.floor((low + high) / 2)
    if ((await exists(half)) === null) high = half
    else low = half
  }
  const id = await exists(Math.floor(low / 2))
  return Buffer.from((id ?? '').replaceAll('-', ''), 'hex').toString('base64url')
}
