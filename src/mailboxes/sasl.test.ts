import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Tx, transaction } from '../platform/database.ts'
import { createScramClient } from '../testing/scram-client.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { changePassword } from './credentials.ts'
import { resumeMailbox, suspendMailbox } from './mailboxes.ts'
import {
  runSasl,
  type SaslAnswer,
  type SaslOutcome,
  type SaslTls,
  saslMechanismsOn,
  startSasl,
} from './sasl.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform } = t
const mailbox = await t.createMailbox('ann.lee@demo.test')
const tls: SaslTls = { channelBindings: () => new Map([['tls-exporter', Buffer.from('both')]]) }

function start(mechanism: string, over: SaslTls = null) {
  const exchange = startSasl(platform, { protocol: 'imap', remoteAddress: '127.0.0.1', mechanism, tls: over })
  assert.ok(exchange)
  return exchange
}

test('-PLUS is there where there is something to bind to', () => {
  assert.deepEqual(saslMechanismsOn(null), ['SCRAM-SHA-256', 'PLAIN'])
  assert.deepEqual(saslMechanismsOn({ channelBindings: () => new Map() }), ['SCRAM-SHA-256', 'PLAIN'])
  assert.deepEqual(saslMechanismsOn(tls), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'])
  for (const mechanism of ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1', 'CRAM-MD5', 'plain', '']) {
    assert.equal(
      startSasl(platform, { protocol: 'imap', remoteAddress: '127.0.0.1', mechanism, tls: null }),
      null,
    )
  }
})

const plain: [message: string, want: string][] = [
  ['\0ann.lee@demo.test\0correct horse battery', 'success'],
  ['ann.lee@demo.test\0ann.lee@demo.test\0correct horse battery', 'success'],
  ['\0ann.lee@demo.test\0wrong', 'failure credentials'],
  ['\0nobody@demo.test\0wrong', 'failure credentials'],
  ['bob@demo.test\0ann.lee@demo.test\0correct horse battery', 'failure authorization'],
  ['', 'malformed'],
  ['\0\0', 'malformed'],
  ['\0ann.lee@demo.test', 'malformed'],
  ['\0ann.lee@demo.test\0', 'malformed'],
  ['\0a\0b\0c', 'malformed'],
]
for (const [message, want] of plain) {
  test(`PLAIN ${JSON.stringify(message)}`, async () => {
    const step = await start('PLAIN').next(Buffer.from(message))
    assert.equal(step.kind === 'failure' ? `failure ${step.reason}` : step.kind, want)
  })
}

test('PLAIN that is not UTF-8', async () => {
  assert.equal((await start('PLAIN').next(Buffer.from('\0\xff\0x', 'latin1'))).kind, 'malformed')
})

/** Runs SCRAM; `last` is what the client says to the server's last word. */
async function scram(
  password: string,
  last: SaslAnswer,
  initial: boolean,
  beforeLast: () => Promise<unknown> = async () => {},
): Promise<[SaslOutcome, string[]]> {
  const client = createScramClient({ username: mailbox.address, password })
  const answers: ((challenge: Buffer) => SaslAnswer)[] = [
    ...(initial ? [] : [(): SaslAnswer => ({ kind: 'response', bytes: client.first })]),
    (challenge) => ({ kind: 'response', bytes: client.final(challenge) }),
    () => last,
  ]
  const challenges: string[] = []
  const outcome = await runSasl(start('SCRAM-SHA-256'), initial ? client.first : null, async (challenge) => {
    challenges.push(challenge.toString())
    const answer = answers.shift()
    assert.ok(answer)
    if (answers.length === 0) await beforeLast()
    return answer(challenge)
  })
  return [outcome, challenges]
}

const nothing: SaslAnswer = { kind: 'response', bytes: Buffer.alloc(0) }

test('the last word is a challenge that is answered with nothing', async () => {
  for (const initial of [true, false]) {
    const [outcome, challenges] = await scram(mailbox.password, nothing, initial)
    assert.equal(outcome.kind, 'success')
    assert.deepEqual(
      challenges.map((one) => one.slice(0, 2)),
      initial ? ['r=', 'v='] : ['', 'r=', 'v='],
    )
  }
})

const meanwhile: [what: string, change: (tx: Tx) => Promise<unknown>, undo: (tx: Tx) => Promise<unknown>][] =
  [
    [
      'a changed password',
      (tx) => changePassword(platform, tx, t.scope, mailbox.mailboxId, 'another fine password'),
      (tx) => changePassword(platform, tx, t.scope, mailbox.mailboxId, mailbox.password),
    ],
    [
      'a suspended mailbox',
      (tx) => suspendMailbox(platform, tx, t.scope, mailbox.mailboxId),
      (tx) => resumeMailbox(platform, tx, t.scope, mailbox.mailboxId),
    ],
  ]
for (const [what, change, undo] of meanwhile) {
  test(`${what} while the client looks at the last word: no login`, async () => {
    const [outcome] = await scram(mailbox.password, nothing, true, () => transaction(platform.db, change))
    assert.deepEqual(outcome, { kind: 'failure', reason: 'credentials' })
    await transaction(platform.db, undo)
    assert.equal((await scram(mailbox.password, nothing, true))[0].kind, 'success')
  })
}

const lasts: [password: string, last: SaslAnswer, want: string][] = [
  [mailbox.password, { kind: 'cancelled' }, 'cancelled'], // the server did not prove itself to the client
  [mailbox.password, { kind: 'response', bytes: Buffer.from('x') }, 'malformed'],
  [mailbox.password, { kind: 'closed' }, 'closed'],
  ['wrong', nothing, 'failure'],
  ['wrong', { kind: 'cancelled' }, 'failure'],
  ['wrong', { kind: 'closed' }, 'closed'],
]
for (const [password, last, want] of lasts) {
  test(`${password === 'wrong' ? 'a wrong proof' : 'a right proof'}, then ${last.kind}: ${want}`, async () => {
    const [outcome, challenges] = await scram(password, last, true)
    assert.equal(outcome.kind, want)
    assert.match(challenges.at(-1) ?? '', password === 'wrong' ? /^e=invalid-proof$/ : /^v=/)
  })
}
