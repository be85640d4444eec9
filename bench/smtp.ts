/** Durable delivery: 5 kB messages over 20 sessions that are kept open, to 100 mailboxes; each 250 after its commit. */
import { addressOf } from '../src/testing/child-server.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { makeMailboxes, peakResidentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const sessions = 20
const mailboxes = 100
const messageBytes = 5000
const warmUp = 5000
const counted = 30_000

export async function smtp(): Promise<Row[]> {
  return await withServer(async (server) => {
    const addresses = await makeMailboxes(server, 'user', mailboxes)
    const { host, port } = addressOf(server.endpoints.smtp)
    // Made before the clock starts: the sender shares the machine's two cores with what is measured.
    const prepared = Array.from({ length: 200 }, (_, n) => loadMessage(`PLACE${n}`, '', messageBytes).data)
    const send = async (name: string, total: number): Promise<number> => {
      let sent = 0
      const startedAt = performance.now()
      const { accepted, refusals } = await sendLoad({
        host,
        port,
        sessions,
        next: () => {
          if (sent >= total) return null
          const recipient = addresses[sent % addresses.length] ?? ''
          const data = (prepared[sent % prepared.length] ?? '').replaceAll('PLACE', `${name}-${sent}-`)
          sent++
          return { recipient, data }
        },
      })
      if (refusals.length > 0 || accepted !== total) throw new Error(`not all accepted: ${refusals[0]}`)
      return (total / (performance.now() - startedAt)) * 1000
    }
    await send('warm', warmUp)
    let perSecond = 0
    const peak = await peakResidentBytes(server.pid, async () => {
      perSecond = await send('counted', counted)
    })
    return [
      { what: `${counted} messages of 5 kB, durable`, value: perSecond, unit: '/s', goal: { atLeast: 2500 } },
      {
        what: 'resident memory of the Node process, peak',
        value: peak / 1e6,
        unit: 'MB',
        goal: { atMost: 350 },
      },
    ]
  })
}
