/**
 * `mailwright demo`: the whole way of a message, shown by real clients against the real server. Mailboxes are asked
 * for by API, real messages are delivered over SMTP, and every copy is read back over IMAP and compared.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, type Credentials, createApiClient } from './api-client.ts'
import { byHand } from './by-hand.ts'
import { loadMessages, loadSubmission, type SampleMessage } from './corpus.ts'
import { type DemoServer, type ServerProcess, spawnServer } from './demo-server.ts'
import { connectImap } from './imap-reader.ts'
import { demoAddresses, demoDomain, submission } from './names.ts'
import { createProgressTable, type ProgressTable } from './progress-table.ts'
import { connectSmtp } from './smtp-sender.ts'
import { matchStored } from './stored-message.ts'

const mailboxesPerMessage = 10
const apiCallsAtOnce = 8
const smtpSessions = 4
const imapSessions = 4

/** What each mailbox must hold in the end, by its address. */
type Awaited = ReadonlyMap<string, SampleMessage[]>

/**
 * Needs nothing and leaves nothing: the server has a temporary directory, free ports and an empty environment.
 * @throws when anything does not come out as it should, with a sentence that names it.
 */
export async function runDemo(): Promise<void> {
  const out = process.stdout
  const interrupted = signalled()
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-demo-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  if (process.getuid?.() === 0) await chmod(directory, 0o711) // the database has an account of its own then
  out.write(`\nA server of its own in ${directory}, removed at the end.\n\n`)
  const server = spawnServer(directory)
  stack.defer(() => server.stop().catch(() => undefined)) // the first failure is the one to be told
  const ended = Promise.race([interrupted, server.ended])
  ended.catch(() => undefined) // it may come between two steps
  const table = createProgressTable(out, ended)
  table.heading()
  const compared = await showAll(table, server)
  await table.run({ title: 'Stop the server', count: null, work: () => server.stop() })
  table.total('Together')
  out.write(`\nAll ${compared} messages came back byte for byte as they were sent.\n\n${byHand}\n`)
}

/** Rejects at the first signal to end, or when its output is closed: everything is cleaned up on the way out. */
function signalled(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => reject(new Error(`the demo was ended by ${signal}`)))
    }
    process.stdout.on('error', () => reject(new Error('nobody reads what the demo prints'))) // as in `| head`
  })
  interrupted.catch(() => undefined) // it may come before anything waits for it
  return interrupted
}

/** @returns how many messages were read back and compared. */
async function showAll(table: ProgressTable, server: ServerProcess): Promise<number> {
  const [messages, own] = await Promise.all([loadMessages(), loadSubmission()])
  const places = await table.run({
    title: 'Start the server and its database',
    count: null,
    work: () => server.ready(),
  })
  const credentials = await provision(table, createApiClient(places.http, places.apiKey))
  const awaited = new Map<string, SampleMessage[]>(demoAddresses.map((address) => [address, []]))
  await deliver(table, places, messages, awaited)
  await submit(table, places, own, credentials)
  awaited.get(submission.to)?.push(own)
  return await readBack(table, places, credentials, awaited)
}

async function provision(table: ProgressTable, api: ApiClient): Promise<Map<string, Credentials>> {
  const credentials = new Map<string, Credentials>()
  await table.run({
    title: `Make a workspace, connect ${demoDomain}`,
    count: null,
    work: async () => {
      await api.createWorkspace('Demo')
      await api.connectDomain(demoDomain)
    },
  })
  await table.run({
    title: `Make ${demoAddresses.length} mailboxes in one call`,
    count: { total: demoAddresses.length, unit: 'mailboxes' },
    work: async (tick) => {
      await api.createMailboxes(demoAddresses)
      for (const _ of demoAddresses) tick(0)
    },
  })
  await table.run({
    title: 'Fetch the password of each',
    count: { total: demoAddresses.length, unit: 'passwords' },
    work: (tick) =>
      inParallel(apiCallsAtOnce, demoAddresses, async (takeAddress) => {
        for (const address of takeAddress) {
          credentials.set(address, await api.credentials(address))
          tick(0)
        }
      }),
  })
  return credentials
}

async function deliver(
  table: ProgressTable,
  { smtpPort }: DemoServer,
  messages: readonly SampleMessage[],
  awaited: Awaited,
): Promise<void> {
  await table.run({
    title: `Deliver by SMTP, each to ${mailboxesPerMessage} mailboxes`,
    count: { total: messages.length, unit: 'messages' },
    work: (tick) =>
      inParallel(smtpSessions, [...messages.entries()], async (takeMessage) => {
        const sender = await connectSmtp({ port: smtpPort })
        for (const [index, message] of takeMessage) {
          const recipients = recipientsOf(index)
          await sender.send(message, recipients)
          for (const address of recipients) awaited.get(address)?.push(message)
          tick(message.bytes.length)
        }
        await sender.close()
      }),
  })
}

/** Every mailbox gets about as many messages as the next. */
function recipientsOf(messageIndex: number): string[] {
  const stride = demoAddresses.length / mailboxesPerMessage
  return demoAddresses.filter((_, at) => at % stride === messageIndex % stride)
}

async function submit(
  table: ProgressTable,
  { submissionPort, tls }: DemoServer,
  message: SampleMessage,
  credentials: ReadonlyMap<string, Credentials>,
): Promise<void> {
  await table.run({
    title: 'Submit with a login over STARTTLS',
    count: { total: 1, unit: 'message' },
    work: async (tick) => {
      const login = { ...required(credentials.get(submission.from)), tls }
      const sender = await connectSmtp({ port: submissionPort, login })
      await sender.send(message, [submission.to])
      tick(message.bytes.length)
      await sender.close()
    },
  })
}

async function readBack(
  table: ProgressTable,
  { imapsPort, tls }: DemoServer,
  credentials: ReadonlyMap<string, Credentials>,
  awaited: Awaited,
): Promise<number> {
  const total = [...awaited.values()].reduce((sum, messages) => sum + messages.length, 0)
  await table.run({
    title: 'Read back by IMAP and compare',
    count: { total, unit: 'messages' },
    work: (tick) =>
      inParallel(imapSessions, [...awaited], async (takeMailbox) => {
        for (const [address, messages] of takeMailbox) {
          const reader = await connectImap(imapsPort, tls)
          const exists = await reader.open(required(credentials.get(address)), 'INBOX')
          const remaining = [...messages]
          for await (const stored of reader.messages()) {
            const match = matchStored(stored, remaining)
            if (!match.ok) throw new Error(`in ${address}, ${match.difference}`)
            remaining.splice(remaining.indexOf(match.message), 1)
            tick(stored.length)
          }
          const [missing] = remaining
          if (missing)
            throw new Error(`in ${address}, ${missing.name} is missing (it has ${exists} messages)`)
          await reader.close()
        }
      }),
  })
  return total
}

/** Runs `count` workers, each of which takes the next item when it is free. */
async function inParallel<T>(
  count: number,
  items: readonly T[],
  worker: (take: Iterable<T>) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const take: Iterable<T> = { [Symbol.iterator]: () => ({ next: () => queue.next() }) }
  await Promise.all(Array.from({ length: count }, () => worker(take)))
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a mailbox has no credentials')
  return value
}
