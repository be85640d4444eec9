/** Two nodes on one database: what one does the other knows, and each can take over the other's work. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { freshDatabase, temporaryDirectory } from '../src/testing/test-database.ts'

const masterKey = Buffer.alloc(32, 7).toString('base64')
const stack = new AsyncDisposableStack()
let first: ChildServer
let second: ChildServer
let environment: Record<string, string>

before(async () => {
  environment = { DATABASE_URL: await freshDatabase(stack), MAILWRIGHT_MASTER_KEY: masterKey }
  // At the same moment: only one of them may migrate and bootstrap.
  const starts = [0, 1].map(async () => startChildServer(await temporaryDirectory(stack), environment))
  const [one, two] = await Promise.all(starts)
  assert.ok(one && two)
  first = stack.use(one)
  second = stack.use(two)
})
after(() => stack.disposeAsync())

test('a mailbox made on one node receives on the other and is read on the first', async () => {
  await callApi(first, 'POST', '/v1/domains', { name: 'nodes.test' })
  await callApi(first, 'POST', '/v1/mailboxes', { address: 'ann@nodes.test' })
  await send(second, 'ann@nodes.test', 'one')
  const client = await connectImap(first, 'ann@nodes.test', second)
  const status = await client.status('INBOX', { messages: true })
  assert.ok(status)
  assert.equal(status.messages, 1)
  await client.logout()
})

test('an idling session hears of mail that another node took', async () => {
  const client = await connectImap(first, 'ann@nodes.test', second)
  await client.mailboxOpen('INBOX')
  const heard = new Promise<number>((resolve) => client.once('exists', (event) => resolve(event.count)))
  const idling = client.idle()
  await send(second, 'ann@nodes.test', 'two')
  assert.equal(await heard, 2)
  await client.logout()
  await idling
})

test('a program that waits on one node gets the mail that the other took', async () => {
  const wait = (query: string) =>
    callApi<{ message: { subject: string } | null; next: string }>(
      first,
      'GET',
      `/v1/mailboxes/ann@nodes.test/messages/wait?${query}`,
    )
  const { next } = await wait('timeout=0')
  const waited = wait(`timeout=60&after=${next}&subject=awaited`)
  await send(second, 'ann@nodes.test', 'awaited')
  const { message } = await waited
  assert.equal(message?.subject, 'Load awaited')
})

test('after NOOP a session knows what another node did just before', async () => {
  const here = await connectImap(first, 'ann@nodes.test', second)
  const there = await connectImap(second, 'ann@nodes.test', second)
  await here.mailboxOpen('INBOX')
  await there.mailboxOpen('INBOX')
  await here.fetchAll('1:*', { flags: true }) // it is remembered from now on
  const heard: string[] = []
  here.on('flags', ({ flags }) => heard.push([...flags].filter((flag) => flag.startsWith('k')).join(' ')))
  const words: string[] = []
  for (let n = 0; n < 10; n++) {
    words.push(`k${n}`)
    await there.messageFlagsAdd('1', [`k${n}`])
    await here.noop()
    assert.equal(heard.at(-1), words.join(' '))
  }
  await there.mailboxCreate('Made there')
  const countIn = async (path: string): Promise<number | undefined> => {
    const status = await here.status(path, { messages: true })
    return status === false ? undefined : status.messages
  }
  assert.equal(await countIn('Made there'), 0)
  await send(second, 'ann@nodes.test', 'just now')
  assert.equal(await countIn('INBOX'), 4)
  await Promise.all([here.logout(), there.logout()])
})

test('a mailbox that is suspended on one node is refused on the other', async () => {
  await send(second, 'ann@nodes.test', 'three') // the second node remembers her now
  await callApi(first, 'POST', '/v1/mailboxes/ann@nodes.test/suspend', {})
  const refusal = await eventually(async () => {
    const { refusals } = await sendOnce(second, 'ann@nodes.test', 'four')
    return refusals[0] ?? null
  })
  assert.match(refusal, /^450 4\.2\.1 /)
})

test('a node without the master key of the database does not start', async () => {
  const other = { ...environment, MAILWRIGHT_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') }
  await assert.rejects(
    startChildServer(await temporaryDirectory(stack), other),
    /sealed under the master key [0-9a-f]{8}, which this node does not have/,
  )
})

async function send(server: ChildServer, recipient: string, id: string): Promise<void> {
  const { accepted, refusals } = await sendOnce(server, recipient, id)
  assert.deepEqual({ accepted, refusals }, { accepted: 1, refusals: [] })
}

function sendOnce(server: ChildServer, recipient: string, id: string) {
  let left = 1
  return sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: 1,
    next: () => (left-- > 0 ? loadMessage(id, recipient, 1000) : null),
  })
}

/** What `ask` gives once it is not null: other nodes learn of a change within a second or so. */
async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = await ask()
    if (answer !== null) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not happen within five seconds')
}
