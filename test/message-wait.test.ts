/** Programs that wait for mail: the whole server, with mail by SMTP, waiting by HTTP and what IMAP clients see of changes. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { ImapFlow } from 'imapflow'
import { waiterBounds } from '../src/messages/waiting/waiters.ts'
import { newId } from '../src/platform/ids.ts'
import { type Server, startServer } from '../src/server.ts'
import { addressOf } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { sendLoad } from '../src/testing/smtp-load.ts'
import { at, call, listAt, type Reply, refusal, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { connectRaw } from '../src/testing/test-imap.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'

const stack = new AsyncDisposableStack()
let server: Server
before(async () => {
  server = stack.use(await startTestServer())
  watchListeners()
  await api('POST', '/v1/domains', { name: 'wait.test' })
})
after(() => stack.disposeAsync())

async function startTestServer(): Promise<Server> {
  const directory = await temporaryDirectory(stack)
  return await startServer(
    testConfig({ MAILWRIGHT_DATA_DIR: directory, DATABASE_URL: await migratedDatabase(stack) }),
  )
}

function api(method: string, path: string, body?: unknown, of = server): Promise<Reply> {
  return call(of.endpoints.http ?? '', testApiKey, method, path, { body })
}

let made = 0
type Box = { address: string; mailboxId: string; path: string; wait: (query: string) => Promise<Reply> }

async function newBox(of = server): Promise<Box> {
  const address = `box${++made}@wait.test`
  const reply = await api('POST', '/v1/mailboxes', { address }, of)
  assert.equal(reply.status, 201)
  const path = `/v1/mailboxes/${address}`
  return {
    address,
    mailboxId: textAt(reply.json, 'id'),
    path,
    wait: (query) => api('GET', `${path}/messages/wait?${query}`, undefined, of),
  }
}

/** Delivers a mail by SMTP; it is stored when this resolves. */
async function deliver(recipient: string, subject: string, text = 'hello', from = 'Bob <bob@sender.test>') {
  const data = [
    `From: ${from}`,
    `To: ${recipient}`,
    `Subject: ${subject}`,
    `Message-ID: <${newId()}@x.test>`,
    '',
    text,
  ]
  let left = 1
  const { accepted, refusals } = await sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: 1,
    next: () => (left-- > 0 ? { recipient, data: data.join('\r\n') } : null),
  })
  assert.deepEqual({ accepted, refusals }, { accepted: 1, refusals: [] })
}

/** How many listen to each mailbox of `server`. */
const listening = new Map<string, number>()

function watchListeners(): void {
  const { bus } = server.platform
  const { subscribeMailbox } = bus
  const count = (mailboxId: string, change: number): void => {
    listening.set(mailboxId, (listening.get(mailboxId) ?? 0) + change)
  }
  bus.subscribeMailbox = (mailboxId, listener) => {
    const stop = subscribeMailbox(mailboxId, listener)
    count(mailboxId, 1)
    return () => {
      count(mailboxId, -1)
      stop()
    }
  }
}

/** Resolves when so many calls wait on the mailbox. */
async function waiting({ mailboxId }: Box, count: number): Promise<void> {
  while (listening.get(mailboxId) !== count) await new Promise((resolve) => setTimeout(resolve, 5))
}

const subjectOf = (reply: Reply): unknown => at(reply.json, 'message', 'subject')

test('a message that arrives while a call waits is its answer', async () => {
  const box = await newBox()
  const call = box.wait('timeout=60')
  await waiting(box, 1)
  await deliver(
    box.address,
    'First',
    'Your verification code is 482913.\r\nOr https://x.test/verify?token=abc',
  )
  const reply = await call
  assert.equal(reply.status, 200, reply.text)
  assert.equal(subjectOf(reply), 'First')
  assert.match(textAt(reply.json, 'message', 'text'), /482913/)
  assert.equal(textAt(reply.json, 'codes', 0, 'code'), '482913')
  assert.equal(textAt(reply.json, 'links', 0, 'kind'), 'verification')
  assert.equal(at(reply.json, 'sender', 'authenticated'), false)
  assert.equal(textAt(reply.json, 'sender', 'domain'), 'sender.test')
  assert.equal(reply.headers.get('cache-control'), 'no-store')
  const codes = await api('GET', `${box.path}/messages/${textAt(reply.json, 'message', 'id')}/codes`)
  assert.deepEqual(at(codes.json, 'codes'), at(reply.json, 'codes'))
  assert.deepEqual(at(codes.json, 'links'), at(reply.json, 'links'))
  assert.deepEqual(at(codes.json, 'sender'), at(reply.json, 'sender'))
  const read = await api('GET', `${box.path}/messages/${textAt(reply.json, 'message', 'id')}`)
  assert.deepEqual(at(read.json, 'flags'), [])
})

test('what came before the call counts with since, and not without', async () => {
  const box = await newBox()
  const since = new Date().toISOString()
  await deliver(box.address, 'Early')
  assert.equal(subjectOf(await box.wait(`timeout=0&since=${since}`)), 'Early')
  assert.equal(at((await box.wait('timeout=0')).json, 'message'), null)
  const none = await box.wait('timeout=1')
  assert.deepEqual([none.status, at(none.json, 'message'), at(none.json, 'sender')], [200, null, null])
})

const filters: [what: string, query: string, subjects: string[]][] = [
  ['the author’s address', 'from=ALERTS@', ['Two']],
  ['the author’s name', 'from=alért bot', ['Two']],
  ['the subject', 'subject=thr', ['Three']],
  ['the text', 'text=needle in', ['Three']],
  ['a recipient', 'to=wait.test', ['One', 'Two', 'Three']],
  ['a code', 'has_code=true', ['Two']],
  ['no code', 'has_code=false', ['One', 'Three']],
  ['no attachment', 'has_attachments=false&subject=one', ['One']],
  ['several together', 'from=alerts&has_code=true&subject=two', ['Two']],
  ['something else', 'from=nobody', []],
  ['a folder', 'folder=inbox&subject=one', ['One']],
  ['another folder', 'folder=junk', []],
]
test('filters, each by itself and together', async (t) => {
  const box = await newBox()
  const since = new Date().toISOString()
  await deliver(box.address, 'One')
  await deliver(
    box.address,
    'Two',
    'Your login code is 118822.',
    '=?utf-8?q?Al=C3=A9rt_Bot?= <alerts@sender.test>',
  )
  await deliver(box.address, 'Three', 'a needle\r\nin the hay')
  for (const [what, query, subjects] of filters) {
    await t.test(what, async () => {
      const found: unknown[] = []
      let reply = await box.wait(`timeout=0&since=${since}&${query}`)
      while (at(reply.json, 'message')) {
        found.push(subjectOf(reply))
        reply = await box.wait(`timeout=0&after=${textAt(reply.json, 'next')}&${query}`)
      }
      assert.deepEqual(found, subjects)
    })
  }
})

test('a chain of calls gets every message once, whatever happens to them meanwhile', async () => {
  const box = await newBox()
  const total = 30
  let next = textAt((await box.wait('timeout=0')).json, 'next')
  const sending = (async () => {
    await Promise.all(Array.from({ length: total }, (_, n) => deliver(box.address, `mail ${n}`)))
  })()
  const seen: string[] = []
  while (seen.length < total) {
    const reply = await box.wait(`timeout=60&after=${next}`)
    next = textAt(reply.json, 'next')
    seen.push(String(subjectOf(reply)))
    // It is worked off, as programs do: moved, or changed where it is.
    const id = textAt(reply.json, 'message', 'id')
    const body = seen.length % 2 === 0 ? { folder: 'archive' } : { seen: true }
    assert.equal((await api('PATCH', `${box.path}/messages/${id}`, body)).status, 200)
  }
  await sending
  assert.equal(new Set(seen).size, total)
  assert.equal(at((await box.wait(`timeout=0&after=${next}`)).json, 'message'), null)
})

test('after a message’s id', async () => {
  const box = await newBox()
  const since = new Date().toISOString()
  await deliver(box.address, 'One')
  await deliver(box.address, 'Two')
  const first = await box.wait(`timeout=0&since=${since}`)
  assert.equal(subjectOf(first), 'One')
  assert.equal(subjectOf(await box.wait(`timeout=0&after=${textAt(first.json, 'message', 'id')}`)), 'Two')
})

const badQueries: [query: string, refused: string][] = [
  ['timeout=121', '400 invalid_request'],
  ['timeout=-1', '400 invalid_request'],
  ['after=nonsense', '400 invalid_cursor'],
  ['since=yesterday', '400 invalid_request'],
  ['since=2026-01-01T00:00:00Z&after=x', '400 invalid_request'],
  ['folder=Nowhere', '404 folder_not_found'],
  ['colour=red', '400 invalid_request'],
]
test('what is refused', async () => {
  const box = await newBox()
  for (const [query, refused] of badQueries) assert.equal(refusal(await box.wait(query)), refused, query)
  assert.equal(
    refusal(await api('GET', '/v1/mailboxes/nobody@wait.test/messages/wait')),
    '404 mailbox_not_found',
  )
})

test('so many may wait, and one that hangs up makes room', async () => {
  const box = await newBox()
  const url = new URL(`${box.path}/messages/wait?timeout=60`, server.endpoints.http ?? '')
  const headers = { authorization: `Bearer ${testApiKey}` }
  const calls = Array.from({ length: waiterBounds.perMailbox }, () => request(url, { headers, agent: false }))
  for (const one of calls) one.on('error', () => undefined).end()
  await waiting(box, calls.length)
  assert.equal(refusal(await box.wait('timeout=60')), '429 wait_limit_reached')
  for (const one of calls) one.destroy()
  await waiting(box, 0)
  assert.equal((await box.wait('timeout=0')).status, 200)
})

test('the stop of the server answers those who wait', async () => {
  const own = await startTestServer()
  await api('POST', '/v1/domains', { name: 'wait.test' }, own)
  const box = await newBox(own)
  const call = box.wait('timeout=120')
  // A second call is only answered when the first one waits.
  await box.wait('timeout=1')
  const stopping = own[Symbol.asyncDispose]()
  const reply = await call
  assert.deepEqual([reply.status, at(reply.json, 'message')], [200, null])
  assert.match(textAt(reply.json, 'next'), /^[\w-]{20,}$/)
  await stopping
})

test('IMAP clients see at once what the API changes, in IDLE and by QRESYNC', async () => {
  const box = await newBox()
  await deliver(box.address, 'One')
  await deliver(box.address, 'Two')
  const data = listAt((await api('GET', `${box.path}/messages`)).json, 'data')
  const [two = '', one = ''] = data.map((message) => textAt(message, 'id'))
  const { password } = Object((await api('GET', `${box.path}/credentials`)).json)
  const idler = await connectImap({ endpoints: server.endpoints, apiKey: testApiKey }, box.address)
  await idler.mailboxOpen('INBOX')
  const raw = await connectRaw(addressOf(server.endpoints.imap).port, false, '127.0.0.1')
  await raw.line()
  await raw.ok(`LOGIN ${box.address} "${password}"`)
  await raw.ok('ENABLE QRESYNC')
  const selected = (await raw.ok('SELECT INBOX')).join('\n')
  const validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1]
  const modseq = /HIGHESTMODSEQ (\d+)/.exec(selected)?.[1]
  await raw.ok('UNSELECT')

  const flagged = heard(idler, 'flags')
  const idling = idler.idle()
  const body = { seen: true, flagged: true, add_labels: ['urgent'] }
  assert.equal((await api('PATCH', `${box.path}/messages/${one}`, body)).status, 200)
  const event = await flagged
  const flags = [...Object(event).flags]
  assert.deepEqual(flags.toSorted(), ['\\Flagged', '\\Seen', 'urgent'])
  const gone = heard(idler, 'expunge')
  assert.equal((await api('DELETE', `${box.path}/messages/${two}`)).status, 200)
  await gone
  const untagged = (await raw.ok(`SELECT INBOX (QRESYNC (${validity} ${modseq}))`)).join('\n')
  assert.match(untagged, /VANISHED \(EARLIER\) 2/)
  assert.match(untagged, /FETCH \(UID 1 FLAGS \([^)]*urgent[^)]*\)/)
  raw.close()
  await idler.logout()
  await idling
})

function heard(client: ImapFlow, name: 'flags' | 'expunge'): Promise<unknown> {
  return new Promise((resolve) => client.once(name, resolve))
}
