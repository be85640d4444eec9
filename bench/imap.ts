/**
 * Mixed IMAP commands: 20 clients, each on a mailbox of its own with some thousand messages, run a weighted mix of
 * reading and writing commands one after the other. All writes are durable before their OK.
 */
import { addressOf, type ChildServer, callApi } from '../src/testing/child-server.ts'
import { connectImapLoad, type ImapLoadClient } from '../src/testing/imap-load.ts'
import { loadMessage } from '../src/testing/smtp-load.ts'
import { makeMailboxes, processorTime, residentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const clients = 20
const messagesBefore = 1000
const warmUpMs = 4_000
const countedMs = 15_000
const messageBytes = 3000

type Client = { imap: ImapLoadClient; messages: number }
type Command = { name: string; weight: number; run: (client: Client) => Promise<void> }

const mix: readonly Command[] = [
  { name: 'FETCH flags of 20', weight: 14, run: (client) => fetch(client, 20, 'FLAGS') },
  {
    name: 'FETCH list view of 20',
    weight: 14,
    run: (client) => fetch(client, 20, '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)'),
  },
  { name: 'FETCH whole message', weight: 12, run: (client) => fetch(client, 1, 'BODY.PEEK[]') },
  {
    name: 'FETCH header fields of 5',
    weight: 6,
    run: (client) => fetch(client, 5, 'BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]'),
  },
  { name: 'STORE of 1 to 5', weight: 15, run: storeFlags },
  {
    name: 'SEARCH by flag',
    weight: 6,
    run: (client) => run(client, `UID SEARCH ${pick(['UNSEEN', 'FLAGGED'])}`),
  },
  { name: 'NOOP', weight: 10, run: (client) => run(client, 'NOOP') },
  { name: 'STATUS', weight: 6, run: (client) => run(client, 'STATUS Sent (MESSAGES UNSEEN UIDNEXT)') },
  { name: 'SELECT', weight: 3, run: select },
  { name: 'LIST', weight: 3, run: (client) => run(client, 'LIST "" *') },
  { name: 'APPEND', weight: 6, run: append },
  { name: 'STORE \\Deleted and EXPUNGE', weight: 4, run: expunge },
  { name: 'COPY', weight: 1, run: (client) => run(client, `COPY ${place(client)} Archive`) },
]

export async function imap(): Promise<Row[]> {
  return await withServer(async (server) => {
    const connected = await connectAll(server)
    await during(connected, warmUpMs)
    const before = await processorTime(server.pid)
    const counts = await during(connected, countedMs)
    const after = await processorTime(server.pid)
    const memory = await residentBytes(server.pid)
    for (const client of connected) client.imap.close()
    const total = [...counts.values()].reduce((sum, { count }) => sum + count, 0)
    return [
      {
        what: `mixed commands of ${clients} clients`,
        value: (total / countedMs) * 1000,
        unit: '/s',
        goal: { atLeast: 6000 },
      },
      {
        what: 'processor time for a command, Node',
        value: ((after.node - before.node) / total) * 1e6,
        unit: 'us',
      },
      {
        what: 'processor time for a command, PostgreSQL',
        value: ((after.postgres - before.postgres) / total) * 1e6,
        unit: 'us',
      },
      { what: 'resident memory of the Node process', value: memory / 1e6, unit: 'MB' },
      ...mix.map(({ name }) => {
        const { count, ms } = counts.get(name) ?? { count: 0, ms: 0 }
        return { what: `  ${name}, mean of ${count}`, value: ms / Math.max(1, count), unit: 'ms' }
      }),
    ]
  })
}

async function connectAll(server: ChildServer): Promise<Client[]> {
  const addresses = await makeMailboxes(server, 'reader', clients)
  const { host, port } = addressOf(server.endpoints.imap)
  return await Promise.all(
    addresses.map(async (username) => {
      const path = `/v1/mailboxes/${username}/credentials`
      const { password } = await callApi<{ password: string }>(server, 'GET', path)
      const client = { imap: await connectImapLoad({ host, port, username, password }), messages: 0 }
      for (let left = messagesBefore; left > 0; left -= 100) {
        await run(client, `APPEND INBOX ${Array.from({ length: 100 }, literal).join(' ')}`)
      }
      await select(client)
      return client
    }),
  )
}

type Counts = Map<string, { count: number; ms: number }>

async function during(connected: readonly Client[], lastsMs: number): Promise<Counts> {
  const counts: Counts = new Map(mix.map(({ name }) => [name, { count: 0, ms: 0 }]))
  const until = performance.now() + lastsMs
  await Promise.all(
    connected.map(async (client) => {
      for (let now = performance.now(); now < until; ) {
        const command = pickCommand()
        await command.run(client)
        const after = performance.now()
        const entry = counts.get(command.name)
        if (entry !== undefined && after < until) {
          entry.count += commandsOf(command)
          entry.ms += after - now
        }
        now = after
      }
    }),
  )
  return counts
}

function commandsOf({ name }: Command): number {
  return name === 'STORE \\Deleted and EXPUNGE' ? 2 : 1
}

const totalWeight = mix.reduce((sum, { weight }) => sum + weight, 0)

function pickCommand(): Command {
  let left = Math.random() * totalWeight
  for (const command of mix) {
    left -= command.weight
    if (left < 0) return command
  }
  throw new Error('the weights do not add up')
}

function pick(from: readonly string[]): string {
  return from[Math.floor(Math.random() * from.length)] ?? ''
}

/** Runs a command and follows the number of messages that the server tells. */
async function run(client: Client, command: string): Promise<void> {
  const text = await client.imap.run(command)
  const untagged = /^\* (\d+) (EXISTS|EXPUNGE)\r$/gm
  for (let match = untagged.exec(text); match !== null; match = untagged.exec(text)) {
    client.messages = match[2] === 'EXISTS' ? Number(match[1]) : client.messages - 1
  }
}

async function select(client: Client): Promise<void> {
  await run(client, 'SELECT INBOX')
}

function place({ messages }: Client, room = 0): number {
  return 1 + Math.floor(Math.random() * Math.max(1, messages - room))
}

async function fetch(client: Client, count: number, items: string): Promise<void> {
  const first = place(client, count)
  await run(client, `FETCH ${first}:${Math.min(client.messages, first + count - 1)} ${items}`)
}

async function storeFlags(client: Client): Promise<void> {
  const first = place(client, 5)
  const last = Math.min(client.messages, first + Math.floor(Math.random() * 5))
  await run(
    client,
    `STORE ${first}:${last} ${pick(['+', '-'])}FLAGS (${pick(['\\Seen', '\\Flagged', '$Work'])})`,
  )
}

async function append(client: Client): Promise<void> {
  await run(client, `APPEND INBOX (\\Seen) ${literal()}`)
}

async function expunge(client: Client): Promise<void> {
  const first = place(client)
  await run(client, `STORE ${first} +FLAGS.SILENT (\\Deleted)`)
  await run(client, 'EXPUNGE')
}

const prepared = Array.from(
  { length: 50 },
  (_, n) => loadMessage(`PLACE${n}`, 'reader@bench.test', messageBytes).data,
)
let appended = 0

function literal(): string {
  const message = (prepared[appended % prepared.length] ?? '').replaceAll('PLACE', `append-${appended++}-`)
  return `{${message.length}+}\r\n${message}`
}
