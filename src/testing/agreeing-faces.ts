/** A whole server whose mailboxes are read through every face at once, and what holds the faces against each other. */
import assert from 'node:assert/strict'
import { ImapFlow } from 'imapflow'
import { startServer } from '../server.ts'
import { addressOf } from './child-server.ts'
import {
  type FaceCall,
  faceAt,
  inkboxReader,
  type MailboxFacts,
  type MailboxReader,
  nativeReader,
  ok,
  scalewayReader,
} from './mailbox-readers.ts'
import {
  imapMessages,
  inkboxMessages,
  type MessageFacts,
  type MessageReader,
  nativeMessages,
} from './message-readers.ts'
import { sendLoad } from './smtp-load.ts'
import { type Reply, textAt } from './test-api.ts'
import { migratedDatabase, temporaryDirectory } from './test-database.ts'
import { testApiKey, testConfig } from './test-platform.ts'
import { inboxkitReader, zapmailReader } from './vendor-readers.ts'

export type Change = {
  face: string
  what: string
  make: () => Promise<Reply>
  /** Whose it is, by its address afterwards. */
  of: string
  becomes: Partial<MailboxFacts>
}

export type AgreeingFaces = AsyncDisposable & {
  native: FaceCall
  scaleway: FaceCall
  inkbox: FaceCall
  inboxkit: FaceCall
  /** By provider. */
  zapmail: { google: FaceCall; microsoft: FaceCall }
  /** Every address that was ever a mailbox's: what is gone is gone for all. */
  known: Set<string>
  /** Of those that log in, by address. */
  passwords: Map<string, string>
  logIn(address: string, password?: string): Promise<ImapFlow>
  /** Sends one message by SMTP, as another server does. */
  arrive(to: string, subject: string): Promise<void>
  /** Reads one mailbox through all faces. @returns what they agree on, or null where it is not there. */
  agree(address: string): Promise<MailboxFacts | null>
  /** Reads all mailboxes, the lists and the domains. @returns those that are there, by address. */
  agreeOnAll(): Promise<Map<string, MailboxFacts>>
  /** What all agree on of this one, after they agreed on all. */
  facts(address: string): Promise<MailboxFacts>
  /** Makes the changes one after the other, each seen through all faces. */
  eachSeen(changes: readonly Change[]): Promise<void>
  /** Reads the messages of a mailbox through all faces that have messages. @returns what they agree on. */
  agreeOnMessages(address: string): Promise<MessageFacts[]>
  /** The one of this subject. */
  messageOf(address: string, subject: string): Promise<MessageFacts & { id: string }>
  /** Where Scaleway has a mailbox. */
  scalewayMailbox(address: string): Promise<string>
}

export const scalewayPath = '/mailbox/v1alpha1'

export async function startAgreeingFaces(): Promise<AgreeingFaces> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(
    await startServer(
      testConfig({
        MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
        DATABASE_URL: await migratedDatabase(stack),
        MAILWRIGHT_HOSTNAME: 'mx.platform.example',
      }),
    ),
  )
  const running = stack.move()
  const base = (server.endpoints.http ?? '').replace(/\/$/, '')
  const native = faceAt(base, '/v1', { authorization: `Bearer ${testApiKey}` })
  const keyOf = async (format: string): Promise<string> =>
    textAt(await ok(native('POST', '/api-keys', { name: format, format })), 'token')
  const scaleway = faceAt(base, '/scaleway', { 'x-auth-token': await keyOf('scaleway') })
  const inkbox = faceAt(base, '/inkbox/api/v1', { 'x-api-key': await keyOf('inkbox') })

  const workspaceId = textAt(await ok(native('GET', '/workspaces')), 'data', 0, 'id')
  const inboxkit = faceAt(base, '/inboxkit/v1/api', {
    authorization: `Bearer ${testApiKey}`,
    'x-workspace-id': workspaceId,
  })
  const zapmailOf = (provider: string): FaceCall =>
    faceAt(base, '/zapmail/api', { 'x-auth-zapmail': testApiKey, 'x-service-provider': provider })
  const zapmail = { google: zapmailOf('GOOGLE'), microsoft: zapmailOf('MICROSOFT') }

  const passwords = new Map<string, string>()
  const logIn = async (user: string, pass = passwords.get(user) ?? ''): Promise<ImapFlow> => {
    const client = new ImapFlow({
      ...addressOf(server.endpoints.imap),
      secure: false,
      tls: { rejectUnauthorized: false },
      auth: { user, pass },
      logger: false,
    })
    await client.connect()
    return client
  }

  const known = new Set<string>()
  const faces: Faces = {
    truth: nativeReader(native),
    others: [
      scalewayReader(scaleway),
      inkboxReader(inkbox),
      inboxkitReader(inboxkit),
      zapmailReader(zapmail),
    ],
  }
  const messageReaders = [nativeMessages(native), inkboxMessages(inkbox), imapMessages(logIn)]
  const facts = async (address: string): Promise<MailboxFacts> => {
    const found = (await agreeOnAll(faces, known)).get(address)
    assert.ok(found, `${address} is not there`)
    return found
  }
  return {
    native,
    scaleway,
    inkbox,
    inboxkit,
    zapmail,
    known,
    passwords,
    logIn,
    arrive: (to, subject) => arrive(addressOf(server.endpoints.smtp), to, subject),
    agree: (address) => agree(faces, address),
    agreeOnAll: () => agreeOnAll(faces, known),
    facts,
    eachSeen: async (changes) => {
      for (const change of changes) await seen(change, facts)
    },
    agreeOnMessages: (address) => agreeOnMessages(messageReaders, address),
    async messageOf(address, subject) {
      const messages = await agreeOnMessages(messageReaders, address)
      const found = messages.find((one) => one.subject === subject)
      assert.ok(found?.id, `${subject} is not there`)
      return { ...found, id: found.id }
    },
    scalewayMailbox: async (address) =>
      `${scalewayPath}/mailboxes/${(await agree(faces, address))?.id ?? 'none'}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The native API shows all; the others are held against it. */
type Faces = { truth: MailboxReader; others: readonly MailboxReader[] }

async function agree({ truth, others }: Faces, address: string): Promise<MailboxFacts | null> {
  const [fact = null, ...seenByOthers] = await Promise.all(
    [truth, ...others].map((reader) => reader.read(address)),
  )
  for (const [index, { name, words }] of others.entries()) {
    const shown = seenByOthers[index] ?? null
    const what = `${address} of ${name}`
    assert.equal(shown?.status ?? null, fact === null ? null : wordOf(words, fact.status), what)
    if (fact === null || shown === null) continue
    const { status: _, ...fields } = shown
    assert.deepEqual(fields, pick(fact, Object.keys(fields)), what)
  }
  return fact
}

function wordOf(words: MailboxReader['words'], status: string): string | null {
  const found = Object.entries(words).find(([state]) => state === status)
  assert.ok(found, `${status} is no state`)
  return found[1]
}

/** What a face does not carry is not compared. */
function pick(facts: object, fields: readonly string[]): object {
  return Object.fromEntries(fields.map((field) => [field, Reflect.get(facts, field)]))
}

async function agreeOnAll(faces: Faces, known: ReadonlySet<string>): Promise<Map<string, MailboxFacts>> {
  const mailboxes = new Map<string, MailboxFacts>()
  for (const address of known) {
    const facts = await agree(faces, address)
    if (facts !== null) mailboxes.set(address, facts)
  }
  const { truth, others } = faces
  const here = await truth.list()
  assert.deepEqual(here.addresses, [...mailboxes.keys()].sort())
  const domains = await truth.domains()
  for (const reader of others) {
    const shown: string[] = here.addresses.filter(
      (address) => wordOf(reader.words, mailboxes.get(address)?.status ?? '') !== null,
    )
    assert.deepEqual(await reader.list(), { addresses: shown, count: shown.length }, reader.name)
    assert.deepEqual(await reader.domains(), domains, reader.name)
  }
  return mailboxes
}

async function seen(
  { face, what, make, of, becomes }: Change,
  facts: (address: string) => Promise<MailboxFacts>,
): Promise<void> {
  await ok(make())
  assert.deepEqual(pick(await facts(of), Object.keys(becomes)), becomes, `${what} by ${face}`)
}

async function agreeOnMessages(readers: readonly MessageReader[], address: string): Promise<MessageFacts[]> {
  const [messages = [], ...others]: MessageFacts[][] = await Promise.all(
    readers.map((one) => one.messages(address)),
  )
  for (const [index, shown] of others.entries()) {
    const same = messages.map((message, at) => pick(message, Object.keys(shown[at] ?? {})))
    assert.deepEqual(shown, same, `messages of ${address} by ${readers[index + 1]?.name}`)
  }
  return messages
}

async function arrive(smtp: { host: string; port: number }, to: string, subject: string): Promise<void> {
  const data = [
    'From: Bob <bob@sender.test>',
    `To: ${to}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.toLowerCase().replaceAll(' ', '-')}@sender.test>`,
    'Date: Mon, 2 Nov 2026 10:11:12 +0100',
    '',
    'Hello, please find it here.',
  ].join('\r\n')
  let left = 1
  const next = () => (left-- > 0 ? { recipient: to, data } : null)
  const { accepted, refusals } = await sendLoad({ ...smtp, sessions: 1, next })
  assert.deepEqual({ accepted, refusals }, { accepted: 1, refusals: [] })
}
