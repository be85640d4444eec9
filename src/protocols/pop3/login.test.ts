/** Logging in: CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034), refusals (RFC 3206), UTF-8 names (RFC 6856). */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { changePassword } from '../../mailboxes/credentials.ts'
import { suspendMailbox } from '../../mailboxes/mailboxes.ts'
import { putSettings } from '../../messages/policies.ts'
import { transaction } from '../../platform/database.ts'
import { createScramClient } from '../../testing/scram-client.ts'
import { mail, type Pop3Client, startTestPop3, type TestPop3 } from '../../testing/test-pop3.ts'
import { capabilitiesOf } from './capabilities.ts'
import { dispatch } from './dispatch.ts'
import { createInput } from './input.ts'
import { pop3Limits } from './limits.ts'
import { createSession, type Transport } from './session.ts'
import { parseCommand } from './syntax/command.ts'

let t: TestPop3
before(async () => {
  t = await startTestPop3()
})
after(() => t[Symbol.asyncDispose]())

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')

describe('CAPA', () => {
  test('before the login, on loopback', async () => {
    const client = await t.connect()
    assert.deepEqual(await client.lines('CAPA'), [
      'TOP',
      'UIDL',
      'RESP-CODES',
      'AUTH-RESP-CODE',
      'PIPELINING',
      'UTF8 USER',
      'STLS',
      'USER',
      'SASL SCRAM-SHA-256 PLAIN',
      'EXPIRE NEVER USER',
      'IMPLEMENTATION Mailwright',
    ])
  })

  test('over TLS, and after the login', async () => {
    const client = await t.connect()
    await client.ok('STLS')
    await client.startTls()
    const secured = await client.lines('CAPA')
    assert.ok(secured.includes('SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN'))
    assert.ok(!secured.includes('STLS'))
    await client.ok(`USER ${t.mailbox.address}`)
    await client.ok(`PASS ${t.mailbox.password}`)
    const last = await client.lines('CAPA')
    assert.ok(last.includes('EXPIRE NEVER'))
    const before = secured.filter((line) => !line.startsWith('EXPIRE'))
    assert.deepEqual(
      before.filter((line) => !last.includes(line)),
      [],
      'what may be used before the login stays listed',
    )
    for (const line of last) assert.ok(line.length <= 510)
    await client.ok('QUIT')
  })

  test('EXPIRE says what the mailbox’s policy says', async () => {
    await using own = await startTestPop3({ MAILWRIGHT_POP3_KEEP_DAYS: '30' })
    const { platform } = own.test
    const other = await own.mailboxWith([])
    await transaction(platform.db, (tx) => putSettings(platform, tx, other.owner, { pop3KeepDays: 7 }))
    const expiry = async (client: Pop3Client): Promise<string | undefined> =>
      (await client.lines('CAPA')).find((line) => line.startsWith('EXPIRE'))
    assert.equal(await expiry(await own.connect()), 'EXPIRE 7 USER')
    assert.equal(await expiry(await own.logIn(other)), 'EXPIRE 7')
    assert.equal(await expiry(await own.logIn()), 'EXPIRE 30')
  })
})

describe('STLS', () => {
  test('what came before it is forgotten, in the socket and in the session', async () => {
    const client = await t.connect()
    await client.ok(`USER ${t.mailbox.address}`)
    client.send(`STLS\r\nPASS ${t.mailbox.password}\r\nSTAT\r\n`)
    assert.match(await client.line(), /^\+OK Begin/)
    await client.startTls()
    assert.equal(await client.run(`PASS ${t.mailbox.password}`), '-ERR USER comes first')
    assert.equal(client.unread(), '')
    assert.equal(await client.run('STLS'), '-ERR TLS is active already')
    await client.ok(`USER ${t.mailbox.address}`)
    await client.ok(`PASS ${t.mailbox.password}`)
    await client.ok('QUIT')
    await client.ended
  })

  test('is refused after UTF8', async () => {
    const client = await t.connect()
    await client.ok('UTF8')
    assert.equal(await client.run('STLS'), '-ERR STLS comes before UTF8')
  })

  test('a handshake that is none ends the connection', async () => {
    const client = await t.connect()
    await client.ok('STLS')
    client.send('NOOP\r\n'.repeat(10))
    await client.ended
  })
})

test('pop3s is TLS from the first byte', async () => {
  await using secure = await startTestPop3({}, 'pop3s')
  await secure.deliver(secure.mailbox, [mail('one', 'x'.repeat(900_000))])
  const client = await secure.connect()
  assert.equal(await client.run('STLS'), '-ERR TLS is active already')
  await client.ok(`USER ${secure.mailbox.address}`)
  await client.ok(`PASS ${secure.mailbox.password}`)
  assert.ok((await client.lines('RETR 1')).includes('x'.repeat(900_000)))
})

describe('AUTH', () => {
  const plain = (): string => base64(`\0${t.mailbox.address}\0${t.mailbox.password}`)
  const welcome = /^\+OK The maildrop has 0 messages/

  test('without a mechanism lists them', async () => {
    assert.deepEqual(await (await t.connect()).lines('AUTH'), ['SCRAM-SHA-256', 'PLAIN'])
  })

  test('PLAIN with an initial response', async () => {
    const client = await t.connect()
    assert.match(await client.run(`AUTH PLAIN ${plain()}`), welcome)
    await client.ok('QUIT')
    await client.ended
  })

  test('PLAIN after an empty challenge', async () => {
    const client = await t.connect()
    assert.equal(await client.run('auth plain'), '+ ')
    assert.match(await client.run(plain()), welcome)
    await client.ok('QUIT')
    await client.ended
  })

  test('a batch of PLAIN and what follows', async () => {
    const client = await t.connect()
    client.send(`AUTH PLAIN\r\n${plain()}\r\nSTAT\r\nQUIT\r\n`)
    assert.equal(await client.line(), '+ ')
    assert.match(await client.line(), welcome)
    assert.equal(await client.line(), '+OK 0 0')
    assert.equal(await client.line(), '+OK Goodbye')
    await client.ended
  })

  test('as another is refused', async () => {
    const { address, password } = t.mailbox
    const client = await t.connect()
    const message = base64(`boss@demo.test\0${address}\0${password}`)
    assert.equal(await client.run(`AUTH PLAIN ${message}`), '-ERR [AUTH] Log in as yourself')
  })

  const broken: [what: string, lines: string[], want: string][] = [
    ['cancelled', ['AUTH PLAIN', '*'], '-ERR AUTH was cancelled'],
    ['no base64', ['AUTH PLAIN', 'not base64'], '-ERR That is not base64'],
    ['padding in the middle', ['AUTH PLAIN', 'AAA=BBB='], '-ERR That is not base64'],
    ['no initial base64', ['AUTH PLAIN !'], '-ERR The initial response is not base64'],
    ['no PLAIN message', ['AUTH PLAIN', base64('ann')], '-ERR Malformed PLAIN message'],
    ['an initial response of nothing', ['AUTH PLAIN ='], '-ERR Malformed PLAIN message'],
    ['a line that is too long', ['AUTH PLAIN', 'A'.repeat(pop3Limits.lineBytesMax)], '-ERR Line too long'],
    ['an unknown mechanism', ['AUTH X'], '-ERR There is no such mechanism'],
    ['-PLUS without TLS', ['AUTH SCRAM-SHA-256-PLUS'], '-ERR There is no such mechanism'],
  ]
  for (const [what, lines, want] of broken) {
    test(`${what}, and the session lives on`, async () => {
      const client = await t.connect()
      let answer = ''
      for (const line of lines) answer = await client.run(line)
      assert.equal(answer, want)
      assert.match(await client.run(`AUTH PLAIN ${plain()}`), welcome)
      await client.ok('QUIT')
      await client.ended
    })
  }

  for (const [what, plus] of [
    ['SCRAM-SHA-256', false],
    ['SCRAM-SHA-256-PLUS', true],
  ] as const) {
    test(what, async () => {
      const client = await t.connect()
      if (plus) {
        await client.ok('STLS')
        await client.startTls()
      }
      const data = plus
        ? client.tls().exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
        : Buffer.alloc(0)
      const { address: username, password } = t.mailbox
      const binding = plus ? { type: 'tls-exporter', data } : 'n'
      const scram = createScramClient({ username, password, binding })
      const challenge = await client.run(`AUTH ${what} ${base64(scram.first)}`)
      const last = await client.run(base64(scram.final(Buffer.from(challenge.slice(2), 'base64'))))
      assert.ok(scram.verifies(Buffer.from(last.slice(2), 'base64')), last)
      assert.match(await client.run(''), welcome)
      await client.ok('QUIT')
      await client.ended
    })
  }
})

describe('refusals', () => {
  test('are the same for a wrong password and for nobody, and USER begins again', async () => {
    const client = await t.connect()
    for (const address of [t.mailbox.address, 'nobody@demo.test']) {
      await client.ok(`USER ${address}`)
      assert.equal(await client.run('PASS wrong'), '-ERR [AUTH] Wrong address or password')
    }
    assert.equal(await client.run(`PASS ${t.mailbox.password}`), '-ERR USER comes first')
  })

  test('are slow, and the third is the last', async () => {
    const client = await t.connect()
    const startMs = Date.now()
    for (const command of [
      'PASS wrong',
      `AUTH PLAIN ${base64(`\0${t.mailbox.address}\0no`)}`,
      'PASS wrong',
    ]) {
      if (command.startsWith('PASS')) await client.ok(`USER ${t.mailbox.address}`)
      assert.match(await client.run(command), /^-ERR \[AUTH\] /)
    }
    assert.ok(Date.now() - startMs >= 2_900)
    await client.ended
  })

  test('a second session is told that the maildrop is in use, and can have it afterwards', async () => {
    const box = await t.mailboxWith([mail('one')])
    const first = await t.logIn(box)
    const second = await t.connect()
    const logIn = `AUTH PLAIN ${base64(`\0${box.address}\0${box.password}`)}`
    assert.equal(await second.run(logIn), '-ERR [IN-USE] Another session has this maildrop')
    await first.ok('DELE 1')
    await first.ok('QUIT')
    assert.match(await second.run(logIn), /^\+OK The maildrop has 0 messages/)
  })

  test('a failure of ours is [SYS/TEMP], and the session lives on', async (context) => {
    const client = await t.connect()
    await client.ok(`USER ${t.mailbox.address}`)
    const logged = context.mock.method(t.test.platform.log, 'error', () => {})
    const failing = context.mock.method(t.node.locks, 'acquire', () =>
      Promise.reject(new Error('no database')),
    )
    assert.equal(
      await client.run(`PASS ${t.mailbox.password}`),
      '-ERR [SYS/TEMP] Something went wrong on our side',
    )
    assert.equal(logged.mock.callCount(), 1)
    failing.mock.restore()
    await client.ok(`USER ${t.mailbox.address}`)
    await client.ok(`PASS ${t.mailbox.password}`)
    await client.ok('QUIT')
  })
})

test('names and passwords in UTF-8, before UTF8 was said', async () => {
  const box = await t.test.createMailbox('grüße@demo.test')
  const { platform, scope } = t.test
  await transaction(platform.db, (tx) =>
    changePassword(platform, tx, scope, box.mailboxId, 'пароль с пробелами'),
  )
  const client = await t.connect()
  await client.ok('USER GRÜSSE@demo.test'.replace('GRÜSSE', 'GRÜßE'))
  assert.match(await client.run('PASS пароль с пробелами'), /^\+OK/)
})

describe('a session ends', () => {
  test('with its mailbox, and deletes nothing', async () => {
    const box = await t.mailboxWith([mail('one')])
    const client = await t.logIn(box)
    await client.ok('DELE 1')
    const { platform, scope } = t.test
    await transaction(platform.db, (tx) => suspendMailbox(platform, tx, scope, box.mailboxId))
    assert.equal(await client.line(), '-ERR [AUTH] The mailbox is not available any more')
    await client.ended
    const { count } = await platform.db
      .selectFrom('messages')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('mailbox_id', '=', box.mailboxId)
      .executeTakeFirstOrThrow()
    assert.equal(Number(count), 1)
  })

  test('with its password', async () => {
    const box = await t.mailboxWith([])
    const client = await t.logIn(box)
    const { platform, scope } = t.test
    await transaction(platform.db, (tx) => changePassword(platform, tx, scope, box.mailboxId, null))
    assert.equal(await client.line(), '-ERR [AUTH] The password was changed')
    await client.ended
  })
})

test('without TLS nobody logs in from elsewhere', async () => {
  // This machine reaches its own listener from itself only, so the session is asked without one.
  const said: string[] = []
  const output = {
    write: async (text: string | Buffer) => void said.push(String(text)),
    flush: async () => {},
  }
  const transport: Transport = {
    listener: 'pop3',
    remoteAddress: '192.0.2.1',
    tls: null,
    input: createInput(() => {}),
    output: { ...output, isBlocked: false, isClosed: false },
    startTls: async () => true,
    end: () => {},
    isEnding: false,
  }
  const session = createSession(t.test.platform, t.node.locks, transport)
  for (const line of ['USER ann', 'PASS x', 'AUTH PLAIN', 'AUTH']) {
    const parsed = parseCommand(Buffer.from(line))
    assert.ok(parsed.ok)
    const reply = await dispatch(session, parsed.command)
    assert.deepEqual(reply, { ok: false, code: null, text: 'Use STLS before you log in' }, line)
  }
  const capabilities = await capabilitiesOf(session)
  assert.ok(capabilities.includes('STLS'))
  assert.ok(!capabilities.some((line) => line.startsWith('SASL') || line === 'USER'))
  assert.deepEqual(said, [])
})
