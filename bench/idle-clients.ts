/** The clients of the idle benchmark, in a process of their own: started with a task, they tell their parent what they saw. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'

type Address = { host: string; port: number }

export type IdleTask = {
  imap: Address
  tls: boolean
  smtp: Address
  addresses: readonly string[]
  password: string
  connections: number
  messages: number
  messagesPerSecond: number
}

/** `ready`: all are in IDLE. `report`: after the messages, in ascending order. */
export type IdleReport = { kind: 'ready' | 'report'; latenciesMs: number[] }

const connectingAtOnce = 20

const task: IdleTask = JSON.parse(process.argv[2] ?? '')
/** When the nth message of an address was answered 250. */
const acceptedAt = new Map<string, number[]>(task.addresses.map((address) => [address, []]))
const latenciesMs: number[] = []
const early = new Map<string, { count: number; atMs: number }[]>()

let started = 0
await Promise.all(
  Array.from({ length: connectingAtOnce }, async () => {
    while (started < task.connections) {
      const address = task.addresses[started++ % task.addresses.length] ?? ''
      await startIdling(address)
    }
  }),
)
report('ready')
process.once('message', () => void deliver())

/** Resolves when the server has said `+`. */
function startIdling(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = task.tls
      ? connectTls({ ...task.imap, rejectUnauthorized: false })
      : connectTcp(task.imap)
    let text = ''
    let known = 0
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk
      for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (line.startsWith('* OK [CAPABILITY')) socket.write(`a LOGIN ${address} "${task.password}"\r\n`)
        else if (line.startsWith('a OK')) socket.write('b SELECT INBOX\r\n')
        else if (line.startsWith('b OK')) socket.write('c IDLE\r\n')
        else if (line.startsWith('+ ')) resolve()
        else if (/^\S+ (NO|BAD|BYE)/.test(line)) reject(new Error(line))
        else {
          const count = Number(/^\* (\d+) EXISTS$/.exec(line)?.[1] ?? known)
          if (count > known) told(address, known, count)
          known = count
        }
      }
    })
  })
}

function told(address: string, from: number, to: number): void {
  const atMs = performance.now()
  for (let count = from + 1; count <= to; count++) {
    const accepted = acceptedAt.get(address)?.[count - 1]
    if (accepted !== undefined) latenciesMs.push(Math.max(0, atMs - accepted))
    else early.set(address, [...(early.get(address) ?? []), { count, atMs }]) // before the 250 was read
  }
}

async function deliver(): Promise<void> {
  const sending: Promise<unknown>[] = []
  for (let sent = 0; sent < task.messages; sent++) {
    const recipient = task.addresses[sent % task.addresses.length] ?? ''
    let left = 1
    sending.push(
      sendLoad({
        ...task.smtp,
        sessions: 1,
        next: () => (left-- > 0 ? loadMessage(`idle-${sent}`, recipient, 2000) : null),
        onAccepted: () => acceptedAt.get(recipient)?.push(performance.now()),
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 1000 / task.messagesPerSecond))
  }
  await Promise.all(sending)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  for (const list of early.values()) latenciesMs.push(...list.map(() => 0))
  report('report')
}

function report(kind: IdleReport['kind']): void {
  process.send?.({ kind, latenciesMs: latenciesMs.toSorted((a, b) => a - b) } satisfies IdleReport)
}
