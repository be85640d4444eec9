/** The clients of the events benchmark, in a process of their own: started with a task, they tell their parent what they saw. */
import { performance } from 'node:perf_hooks'
import { followStream } from '../src/testing/event-clients.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { textAt } from '../src/testing/test-api.ts'

export type EventsTask = {
  base: string
  key: string
  smtp: { host: string; port: number }
  addresses: readonly string[]
  clients: number
}

/** What the parent sends: so many messages, at this rate. */
export type EventsLoad = { messages: number; messagesPerSecond: number }

export type EventsReport = {
  kind: 'ready' | 'report'
  /** From the 250 of a message to its event at a client, for each client. */
  latenciesMs: number[]
  /** From the 250 of a message to its event at the last client, for each message. */
  toAllMs: number[]
}

const connectingAtOnce = 50

const task: EventsTask = JSON.parse(process.argv[2] ?? '')
const seenAt = new Map<string, number[]>()

let started = 0
await Promise.all(
  Array.from({ length: connectingAtOnce }, async () => {
    while (started++ < task.clients) {
      await followStream(task.base, '/v1/events/stream?types=message.received', {
        key: task.key,
        onEvent: (event) => seenAt.get(textAt(event, 'data', 'subject'))?.push(performance.now()),
      })
    }
  }),
)
report({ kind: 'ready', latenciesMs: [], toAllMs: [] })
process.on('message', (load: EventsLoad) => void deliver(load))

async function deliver({ messages, messagesPerSecond }: EventsLoad): Promise<void> {
  const acceptedAt = new Map<string, number>()
  const sending: Promise<unknown>[] = []
  seenAt.clear()
  const startMs = performance.now()
  for (let sent = 0; sent < messages; sent++) {
    const id = `${startMs}-${sent}`
    const recipient = task.addresses[sent % task.addresses.length] ?? ''
    let left = 1
    seenAt.set(`Load ${id}`, [])
    sending.push(
      sendLoad({
        ...task.smtp,
        sessions: 1,
        next: () => (left-- > 0 ? loadMessage(id, recipient, 2000) : null),
        onAccepted: () => acceptedAt.set(`Load ${id}`, performance.now()),
      }),
    )
    const dueMs = startMs + ((sent + 1) * 1000) / messagesPerSecond
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
  }
  await Promise.all(sending)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const latenciesMs: number[] = []
  const toAllMs: number[] = []
  for (const [subject, times] of seenAt) {
    const accepted = acceptedAt.get(subject) ?? Number.NaN
    const all = times.map((atMs) => Math.max(0, atMs - accepted))
    for (const one of all) latenciesMs.push(one)
    toAllMs.push(all.length === task.clients ? Math.max(all.at(-1) ?? 0, all[0] ?? 0) : Number.NaN)
  }
  report({ kind: 'report', latenciesMs, toAllMs })
}

function report({ kind, latenciesMs, toAllMs }: EventsReport): void {
  const ascending = (a: number, b: number): number => a - b
  process.send?.({
    kind,
    latenciesMs: latenciesMs.toSorted(ascending),
    toAllMs: toAllMs.toSorted(ascending),
  } satisfies EventsReport)
}
