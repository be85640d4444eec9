/** What a 50 MB message costs in memory: the peak of the Node process, above what it was before. */
import { addressOf } from '../src/testing/child-server.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { makeMailboxes, peakResidentBytes, residentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const messageBytes = 49 * 1024 * 1024 // with its trace fields below the limit of 50 MiB

export async function memory(): Promise<Row[]> {
  const rows: Row[] = []
  for (const sessions of [1, 4]) {
    const rise = await riseOf(sessions)
    rows.push({
      what: `rise by 50 MB messages in ${sessions} session${sessions === 1 ? '' : 's'}, each`,
      value: rise / sessions / 1e6,
      unit: 'MB',
      goal: { atMost: 64 },
    })
  }
  return rows
}

async function riseOf(sessions: number): Promise<number> {
  return await withServer(async (server) => {
    const [recipient = ''] = await makeMailboxes(server, 'user', 1)
    const { host, port } = addressOf(server.endpoints.smtp)
    const send = async (count: number, bytes: number, at: number): Promise<void> => {
      let left = count
      const message = loadMessage(`memory-${bytes}`, recipient, bytes)
      const { accepted } = await sendLoad({
        host,
        port,
        sessions: at,
        next: () => (left-- > 0 ? message : null),
      })
      if (accepted !== count) throw new Error('a message was not accepted')
    }
    await send(3000, 5000, 20) // so that what any load costs is not counted
    const before = await residentBytes(server.pid)
    const peak = await peakResidentBytes(server.pid, () => send(sessions, messageBytes, sessions))
    return Math.max(0, peak - before)
  })
}
