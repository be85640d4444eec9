/** rspamd: what it is asked and taught, what its answers come to, and what happens when it is not there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireProgram } from '../../../testing/programs.ts'
import { startTestPlatform } from '../../../testing/test-platform.ts'
import { startRealRspamd, startRspamdStandIn, verdict } from '../../../testing/test-rspamd.ts'
import { sendMessage, startTestSmtp } from '../../../testing/test-smtp.ts'
import { arrivalOf, authenticationOf, honestMessage, recipientOf } from '../../../testing/test-spam.ts'
import { spooledBytes } from '../../inbound/spool.ts'
import { createCircuitBreaker } from '../circuit-breaker.ts'
import { scoreArrival } from '../judge.ts'
import { askRspamd, teachRspamd } from './rspamd.ts'
import { parseRspamdAnswer, type RspamdAction } from './rspamd-answer.ts'
import { scoreOfRspamd } from './rspamd-score.ts'

const quiet = { MAILWRIGHT_LOG_LEVEL: 'silent' }

test('it is asked with the envelope and the message as it came, and its word is one symbol', async () => {
  await using rspamd = await startRspamdStandIn('pass word')
  await using t = await startTestPlatform({
    ...quiet,
    MAILWRIGHT_RSPAMD_URL: `http://:pass%20word@127.0.0.1:${rspamd.port}/`,
    MAILWRIGHT_HOSTNAME: 'mx.demo.example',
  })
  const local = [
    await recipientOf(t.platform, await t.createMailbox('ann@demo.test')),
    await recipientOf(t.platform, await t.createMailbox('bob@demo.test')),
  ]
  const raw = honestMessage({}, 'x'.repeat(300_000))
  const arrival = arrivalOf(raw, {
    local,
    remoteAddress: '::ffff:10.0.0.9',
    mailFrom: 'änn@author.example',
    smtputf8: true,
  })
  rspamd.answer = verdict('add header', 8, ['ONE', 'bad name', 'TWO'])
  const { symbols } = await scoreArrival(t.platform, arrival, authenticationOf())
  assert.deepEqual(
    symbols.find(({ name }) => name === 'RSPAMD'),
    {
      name: 'RSPAMD',
      score: 8,
      detail: 'add header 8/15 ONE TWO',
    },
  )
  await askRspamd(t.platform, arrival)
  const [request, ...more] = rspamd.requests
  assert.equal(more.length, 0, 'an arrival is asked about once')
  assert.equal(request?.path, '/checkv2')
  assert.equal(request.body, raw)
  const { headers } = request
  assert.deepEqual(
    [
      headers['ip'],
      headers['helo'],
      headers['rcpt'],
      headers['queue-id'],
      headers['mta-name'],
      headers['password'],
    ],
    [
      '10.0.0.9',
      'mail.author.example',
      'ann@demo.test, bob@demo.test',
      arrival.id,
      'mx.demo.example',
      'pass word',
    ],
  )
  assert.equal(Buffer.from(String(headers['from']), 'latin1').toString('utf8'), 'änn@author.example')
})

test('over SMTP it sees each message from outside, and none of a login', async () => {
  await using rspamd = await startRspamdStandIn()
  await using smtp = await startTestSmtp({
    ...quiet,
    MAILWRIGHT_RSPAMD_URL: `http://127.0.0.1:${rspamd.port}`,
  })
  const ann = await smtp.t.createMailbox('ann@demo.test')
  const raw = honestMessage({ To: ann.address })
  using client = await smtp.greet('smtp')
  assert.match(await sendMessage(client, '<x@author.example>', [ann.address], raw), /^250 /)
  using login = await smtp.logIn(ann.address, ann.password)
  const own = honestMessage({ From: ann.address, To: ann.address })
  assert.match(await sendMessage(login, `<${ann.address}>`, [ann.address], own), /^250 /)
  assert.deepEqual(
    rspamd.requests.map(({ headers, body }) => [
      headers['from'],
      headers['rcpt'],
      headers['helo'],
      body.trimEnd(),
    ]),
    [['x@author.example', ann.address, 'client.example', raw.trimEnd()]],
  )
})

const answers: [what: string, answer: { status: number; body: unknown } | 'drops'][] = [
  ['a wrong password', { status: 401, body: { error: 'Unauthorized' } }],
  ['an error', { status: 500, body: { error: 'internal' } }],
  ['an answer without a verdict', { status: 200, body: { score: 'high' } }],
  ['an answer that is too large', { status: 200, body: { filler: 'x'.repeat(2 * 1024 * 1024) } }],
  ['a connection that breaks off', 'drops'],
]
test('whatever goes wrong there, the message goes on, and it is counted', async () => {
  await using rspamd = await startRspamdStandIn()
  await using t = await startTestPlatform({
    ...quiet,
    MAILWRIGHT_RSPAMD_URL: `http://127.0.0.1:${rspamd.port}`,
  })
  const local = [await recipientOf(t.platform, await t.createMailbox())]
  const ask = () =>
    scoreArrival(t.platform, arrivalOf(honestMessage(), { local, remoteAddress: '' }), authenticationOf())
  for (const [what, answer] of answers) {
    rspamd.answer = answer
    assert.deepEqual(
      (await ask()).symbols.map(({ name }) => name),
      ['DMARC_PASS'],
      what,
    )
  }
  const seen = rspamd.requests.length
  rspamd.answer = verdict('reject', 20)
  assert.deepEqual(
    (await ask()).symbols.map(({ name }) => name),
    ['DMARC_PASS'],
    'after five failures it is spared',
  )
  assert.equal(rspamd.requests.length, seen)
  const { values } = await t.platform.metrics.rspamdRequests.get()
  assert.deepEqual(
    values.map(({ labels, value }) => `${labels.request} ${labels.result} ${value}`),
    ['check failed 5', 'check skipped 1'],
  )
})

test('teaching: what it knows already is no failure, anything else is', async () => {
  await using rspamd = await startRspamdStandIn('secret')
  await using t = await startTestPlatform({
    ...quiet,
    MAILWRIGHT_RSPAMD_URL: `http://:secret@127.0.0.1:${rspamd.port}`,
  })
  const raw = honestMessage()
  const message = spooledBytes(Buffer.from(raw))
  for (const status of [200, 204, 208, 404]) {
    rspamd.answer = { status, body: {} }
    await teachRspamd(t.platform, 'spam', message)
  }
  await teachRspamd(t.platform, 'ham', message)
  assert.deepEqual([...new Set(rspamd.requests.map(({ path }) => path))], ['/learnspam', '/learnham'])
  assert.equal(rspamd.requests[0]?.body, raw)
  for (const answer of [{ status: 401, body: {} }, { status: 503, body: {} }, 'drops'] as const) {
    rspamd.answer = answer
    await assert.rejects(teachRspamd(t.platform, 'ham', message))
  }
})

test('without one configured nothing is asked or taught', async () => {
  await using t = await startTestPlatform(quiet)
  assert.equal(await askRspamd(t.platform, arrivalOf(honestMessage())), null)
  await teachRspamd(t.platform, 'spam', spooledBytes(Buffer.from(honestMessage())))
})

const scores: [
  action: RspamdAction,
  score: number,
  addHeader: number | null,
  reject: number,
  ours: number,
][] = [
  ['no action', 0, 6, 15, 0],
  ['no action', 3, 6, 15, 3],
  ['no action', -2, 6, 15, -2],
  ['no action', -50, 6, 15, -6],
  ['no action', 2, 4, 10, 3],
  ['add header', 4, 4, 10, 6],
  ['add header', 7, 4, 10, 10.5],
  ['reject', 10, 4, 10, 15],
  ['reject', 12, 4, 10, 18],
  ['reject', 500, 4, 10, 30],
  ['add header', 8, null, 20, 6],
  ['reject', 20, null, 20, 15],
  ['reject', 1, 6, 15, 15],
  ['discard', 1, 6, 15, 15],
  ['add header', 1, 6, 15, 6],
  ['rewrite subject', 20, 6, 15, 14.99],
  ['no action', 7, 6, 15, 5.99],
  ['greylist', 5, 6, 15, 5],
  ['soft reject', 40, 6, 15, 5.99],
  ['no action', 1, 0, 0, 1],
  ['add header', 5, 5, 5, 6],
]
for (const [action, score, addHeaderScore, rejectScore, ours] of scores) {
  test(`${action} with ${score} of ${addHeaderScore}/${rejectScore} is ${ours} here`, () => {
    assert.equal(scoreOfRspamd({ action, score, rejectScore, addHeaderScore, symbols: [] }), ours)
  })
}

test('any text is an answer with finite numbers, or none', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('reject', 'no action', 6, 15, -1e308))
  const record = fc.dictionary(
    fc.constantFrom('action', 'score', 'required_score', 'thresholds', 'symbols'),
    value,
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        record.map((one) => JSON.stringify(one)),
      ),
      (text) => {
        const answer = parseRspamdAnswer(text)
        if (answer !== null) assert.ok(Number.isFinite(scoreOfRspamd(answer)))
      },
    ),
  )
})

test('a circuit breaker opens after failures in a row, lets one call through later, and closes when it succeeds', () => {
  let now = 0
  const breaker = createCircuitBreaker({ failuresMax: 2, openMs: 100, now: () => now })
  const fail = () => {
    assert.equal(breaker.mayCall(), true)
    breaker.failed()
  }
  fail()
  breaker.succeeded()
  fail()
  fail()
  assert.equal(breaker.mayCall(), false)
  now = 100
  assert.equal(breaker.mayCall(), true)
  assert.equal(breaker.mayCall(), false, 'the others wait for what comes of it')
  breaker.failed()
  now = 150
  assert.equal(breaker.mayCall(), false)
  now = 200
  assert.equal(breaker.mayCall(), true)
  breaker.succeeded()
  assert.equal(breaker.mayCall(), true)
})

test('a real rspamd scores, and learns each message once', async (context) => {
  if (!requireProgram(context, 'rspamd')) return
  await using stack = new AsyncDisposableStack()
  const { port } = await startRealRspamd(stack, 'secret')
  const t = stack.use(
    await startTestPlatform({ ...quiet, MAILWRIGHT_RSPAMD_URL: `http://:secret@127.0.0.1:${port}` }),
  )
  const local = [await recipientOf(t.platform, await t.createMailbox())]
  const symbolOf = async (raw: string): Promise<{ score: number; detail?: string } | undefined> => {
    const arrival = arrivalOf(raw, { local, remoteAddress: '' })
    const { symbols } = await scoreArrival(t.platform, arrival, authenticationOf())
    return symbols.find(({ name }) => name === 'RSPAMD')
  }
  // Its own test string, cut up here so that no filter stumbles over this file.
  const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE', 'STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'].join('-')
  const refused = await symbolOf(honestMessage({}, `${gtube}\r\n`))
  assert.equal(refused?.score, 15)
  assert.match(String(refused?.detail), /^reject 15\/15/)

  const pills = honestMessage(
    { 'Message-ID': '<pills@author.example>' },
    'Cheap pills without any prescription, delivered overnight to your door. Order our wonderful pills right now and save money.\r\n',
  )
  assert.equal((await symbolOf(pills))?.score, 0)
  const ham = honestMessage(
    {},
    'The minutes of our last meeting are attached, please read them before Monday.\r\n',
  )
  await teachRspamd(t.platform, 'ham', spooledBytes(Buffer.from(ham)))
  await teachRspamd(t.platform, 'spam', spooledBytes(Buffer.from(pills)))
  await teachRspamd(t.platform, 'spam', spooledBytes(Buffer.from(pills))) // it says that it knows it
  const stat = await fetch(`http://127.0.0.1:${port}/stat`, { headers: { password: 'secret' } })
  assert.match(await stat.text(), /"learned":2,/)
})
