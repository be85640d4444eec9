/** App passwords and the guard against guessing, as mail clients meet them: the whole server, over its sockets. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { tellExpiredAppPasswords } from '../src/mailboxes/app-password-expiry.ts'
import { type Server, startServer } from '../src/server.ts'
import { createScramClient } from '../src/testing/scram-client.ts'
import { at, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { connectRaw, type RawClient } from '../src/testing/test-imap.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'
import { connectPop3, type Pop3Client } from '../src/testing/test-pop3.ts'
import { connectSmtp, plainToken, type SmtpClient } from '../src/testing/test-smtp.ts'

const stack = new AsyncDisposableStack()
let server: Server
before(async () => {
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_LOGIN_FAILURES_MAX: '3',
    MAILWRIGHT_PROXY_PROTOCOL_FROM: '127.0.0.3',
  })
  server = stack.use(await startServer(config))
  await call('POST', '/v1/domains', { name: 'demo.test' })
})
after(() => stack.disposeAsync())

type Answer = { status: number; json: unknown }

/** A call of the API from an address of this machine. */
async function call(
  method: string,
  path: string,
  body?: unknown,
  { authorization = `Bearer ${testApiKey}`, from = '127.0.0.1' } = {},
): Promise<Answer> {
  const url = new URL(path, server.endpoints.http ?? '')
  return await new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      localAddress: from,
      agent: false,
      headers: {
        authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, json: text === '' ? null : JSON.parse(text) }),
      )
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

let made = 0
async function newMailbox(): Promise<{ address: string; password: string; path: string }> {
  const address = `box${++made}@demo.test`
  const password = 'correct horse battery'
  assert.equal((await call('POST', '/v1/mailboxes', { address, password })).status, 201)
  return { address, password, path: `/v1/mailboxes/${address}` }
}

async function newAppPassword(
  path: string,
  wanted: Record<string, unknown> = {},
): Promise<{ id: string; password: string; path: string }> {
  const { status, json } = await call('POST', `${path}/app-passwords`, { name: `p${++made}`, ...wanted })
  assert.equal(status, 201, JSON.stringify(json))
  const id = textAt(json, 'id')
  return { id, password: textAt(json, 'password'), path: `${path}/app-passwords/${id}` }
}

function portOf(name: 'imap' | 'pop3' | 'submission'): number {
  return Number(server.endpoints[name]?.split(':').at(-1))
}

async function imap(from?: string): Promise<RawClient> {
  const client = await connectRaw(portOf('imap'), false, from ?? '127.0.0.1')
  stack.defer(() => client.close())
  await client.line()
  return client
}

async function pop3(from?: string): Promise<Pop3Client> {
  const client = await connectPop3(portOf('pop3'), false, from)
  stack.defer(() => client.close())
  await client.line()
  return client
}

async function smtp(from?: string): Promise<SmtpClient> {
  const client = await connectSmtp(portOf('submission'), from === undefined ? {} : { from })
  stack.defer(() => client.destroy())
  await client.command('EHLO client.example')
  return client
}

type Login = { address: string; password: string }

const protocols = {
  async imap({ address, password }: Login, from?: string) {
    const client = await imap(from)
    const { tagged } = await client.run(`LOGIN ${address} "${password}"`)
    client.close()
    return tagged
  },
  async pop3({ address, password }: Login, from?: string) {
    const client = await pop3(from)
    await client.ok(`USER ${address}`)
    const answer = await client.run(`PASS ${password}`)
    if (answer.startsWith('+OK')) await client.ok('QUIT') // which gives the maildrop back
    client.close()
    return answer
  },
  async smtp({ address, password }: Login, from?: string) {
    using client = await smtp(from)
    return await client.command(`AUTH PLAIN ${plainToken(address, password)}`)
  },
  async api(login: Login, from?: string) {
    const { status, json } = await call('GET', '/v1/me', undefined, {
      authorization: basic(login),
      ...(from === undefined ? {} : { from }),
    })
    return status === 200 ? textAt(json, 'type') : `${status} ${textAt(json, 'code')}`
  },
}
const names = ['imap', 'pop3', 'smtp', 'api'] as const

function basic({ address, password }: Login): string {
  return `Basic ${Buffer.from(`${address}:${password}`).toString('base64')}`
}

const accepted = {
  imap: /^OK /,
  pop3: /^\+OK/,
  smtp: /^235 2\.7\.0/,
  api: /^app_password$/,
}
const refused = {
  imap: /^NO \[AUTHENTICATIONFAILED\]/,
  pop3: /^-ERR \[AUTH\]/,
  smtp: /^535 5\.7\.8/,
  api: /^401 unauthenticated/,
}
const locked = {
  imap: /^NO \[UNAVAILABLE\]/,
  pop3: /^-ERR \[SYS\/TEMP\]/,
  smtp: /^454 4\.7\.0/,
  api: /^429 rate_limited/,
}

/** What each protocol says, all at once: a refusal comes late. */
async function everywhere(
  login: Login,
  want: (name: (typeof names)[number]) => RegExp,
  from?: string,
): Promise<void> {
  const answers = await Promise.all(names.map((name) => protocols[name](login, from)))
  for (const [index, name] of names.entries()) assert.match(answers[index] ?? '', want(name), name)
}

for (const scope of names) {
  test(`an app password for ${scope} is one for nothing else`, async () => {
    const { address, path } = await newMailbox()
    const { password } = await newAppPassword(path, { scopes: [scope] })
    await everywhere({ address, password }, (name) => (name === scope ? accepted : refused)[name])
  })
}

test('from a network that is allowed, and from another', async () => {
  const { address, path } = await newMailbox()
  const { password } = await newAppPassword(path, { networks: ['127.0.0.2', '192.0.2.0/24'] })
  await everywhere({ address, password }, (name) => accepted[name], '127.0.0.2')
  await everywhere({ address, password }, (name) => refused[name], '127.0.0.1')
  const throughProxy = async (client: string): Promise<string> => {
    const first = `PROXY TCP4 ${client} 198.51.100.1 12345 587\r\n`
    using session = await connectSmtp(portOf('submission'), { from: '127.0.0.3', first })
    await session.startTls()
    await session.command('EHLO client.example')
    return await session.command(`AUTH PLAIN ${plainToken(address, password)}`)
  }
  assert.match(await throughProxy('192.0.2.7'), accepted.smtp)
  assert.match(await throughProxy('198.51.100.7'), refused.smtp)
})

test('SCRAM takes it too, as it is shown', async () => {
  const { address, path } = await newMailbox()
  const { password } = await newAppPassword(path, { scopes: ['imap'] })
  await newAppPassword(path)
  const session = async (as: string): Promise<string> => {
    const client = await imap()
    const scram = createScramClient({ username: address, password: as })
    client.send(`s AUTHENTICATE SCRAM-SHA-256 ${scram.first.toString('base64')}\r\n`)
    const challenge = Buffer.from((await client.line()).slice(2), 'base64')
    client.send(`${scram.final(challenge).toString('base64')}\r\n`)
    await client.line()
    client.send('\r\n')
    return (await client.answer('s')).tagged
  }
  assert.match(await session(password), accepted.imap)
  assert.match(await session(password.replaceAll('-', '')), refused.imap)
})

/** Sessions of every protocol by one password. */
async function sessionsOf({ address, password }: Login) {
  const [overImap, overPop3, overSmtp] = await Promise.all([imap(), pop3(), smtp()])
  await overImap.ok(`LOGIN ${address} "${password}"`)
  await overPop3.ok(`USER ${address}`)
  await overPop3.ok(`PASS ${password}`)
  assert.match(await overSmtp.command(`AUTH PLAIN ${plainToken(address, password)}`), /^235 /)
  return {
    async end(why: RegExp): Promise<void> {
      assert.match(await overImap.line(), why)
      assert.match(await overPop3.line(), why)
      await Promise.all([overImap.ended, overPop3.ended])
      assert.match(await overSmtp.command(`MAIL FROM:<${address}>`), /^421 4\.7\.0/)
      await overSmtp.closed
    },
    async goOn(): Promise<void> {
      await overImap.ok('NOOP')
      await overPop3.ok('NOOP')
      assert.match(await overSmtp.command(`MAIL FROM:<${address}>`), /^250 /)
      assert.match(await overSmtp.command('RSET'), /^250 /)
    },
  }
}

const endings: [
  what: string,
  wanted: () => Record<string, unknown>,
  end: (path: string) => Promise<unknown>,
  why: RegExp,
][] = [
  ['revoked', () => ({}), (path) => call('DELETE', path), /was revoked/],
  ['narrowed', () => ({}), (path) => call('PATCH', path, { scopes: ['imap'] }), /was changed/],
  [
    'expired',
    () => ({ expires_at: new Date(server.platform.clock.now().getTime() + 3_600_000).toISOString() }),
    async () => {
      assert.equal((await call('POST', '/v1/test/clock', { advance: 'PT61M' })).status, 200)
      await tellExpiredAppPasswords(server.platform)
    },
    /is over/,
  ],
]
for (const [what, wanted, end, why] of endings) {
  test(`${what}: what was opened with it ends, and nothing else`, async () => {
    const { address, password: primary, path } = await newMailbox()
    const one = await newAppPassword(path, wanted())
    const [other, its] = [await newAppPassword(path), await sessionsOf({ address, password: one.password })]
    // POP3 lets one session in at a time.
    const byOther = await imap()
    await byOther.ok(`LOGIN ${address} "${other.password}"`)
    const byPrimary = await imap()
    await byPrimary.ok(`LOGIN ${address} "${primary}"`)
    await its.goOn()
    await end(one.path)
    await its.end(why)
    await byOther.ok('NOOP')
    await byPrimary.ok('NOOP')
  })
}

test('a changed primary password leaves app passwords’ sessions alone', async () => {
  const { address, path } = await newMailbox()
  const { password } = await newAppPassword(path)
  const its = await sessionsOf({ address, password })
  assert.equal((await call('POST', `${path}/password`, {})).status, 200)
  await its.goOn()
})

test('a changed primary password ends what was opened with it', async () => {
  const { address, password, path } = await newMailbox()
  const its = await sessionsOf({ address, password })
  assert.equal((await call('POST', `${path}/password`, {})).status, 200)
  await its.end(/password was changed/)
})

test('the API: its own mailbox only, and no credentials', async () => {
  const { address, path } = await newMailbox()
  const { path: otherPath } = await newMailbox()
  const own = await newAppPassword(path)
  const as = { authorization: basic({ address, password: own.password }) }
  const me = await call('GET', '/v1/me', undefined, as)
  assert.deepEqual([textAt(me.json, 'type'), textAt(me.json, 'id')], ['app_password', own.id])
  const rows: [method: string, path: string, body: unknown, status: number][] = [
    ['GET', path, undefined, 200],
    ['GET', `${path}/folders`, undefined, 200],
    ['GET', otherPath, undefined, 404],
    ['DELETE', path, undefined, 403],
    ['GET', `${path}/credentials`, undefined, 403],
    ['GET', '/v1/mailboxes/export?include=credentials', undefined, 403],
    ['POST', `${path}/password`, {}, 403],
    ['GET', `${own.path}/password`, undefined, 403],
    ['POST', `${path}/app-passwords`, { name: 'more' }, 403],
    ['PATCH', own.path, { scopes: null }, 403],
    ['DELETE', own.path, undefined, 403],
    ['DELETE', `${path}/login-lock`, undefined, 403],
    ['POST', '/v1/api-keys', { name: 'more' }, 403],
    ['POST', '/v1/mailboxes', { address: 'more@demo.test' }, 403],
  ]
  for (const [method, to, body, status] of rows)
    assert.equal((await call(method, to, body, as)).status, status, `${method} ${to}`)
  assert.equal(at((await call('GET', '/v1/mailboxes', undefined, as)).json, 'data', 'length'), 1)
  for (const authorization of [
    'Basic',
    'Basic !',
    `Basic ${Buffer.from('no colon').toString('base64')}`,
    basic({ address, password: '' }),
  ])
    assert.equal((await call('GET', '/v1/me', undefined, { authorization })).status, 401, authorization)
})

test('who guesses is locked where it is, the right password included; the owner elsewhere is not', async () => {
  const { address, password: primary, path } = await newMailbox()
  const { password } = await newAppPassword(path)
  const guesser = await imap('127.0.0.2')
  for (const guess of ['one', 'two'])
    assert.match((await guesser.run(`LOGIN ${address} ${guess}`)).tagged, refused.imap)
  assert.match(await protocols.pop3({ address, password: 'three' }, '127.0.0.2'), refused.pop3)
  await everywhere({ address, password }, (name) => locked[name], '127.0.0.2')
  await everywhere({ address, password }, (name) => accepted[name], '127.0.0.1')
  assert.match(await protocols.imap({ address, password: primary }, '127.0.0.4'), accepted.imap)
  const shown = await call('GET', `${path}/login-lock`)
  assert.equal(at(shown.json, 'locked'), true)
  assert.equal(at(shown.json, 'networks', 0, 'network'), '127.0.0.2/32')
  const { rows } = await server.platform.pool.query(
    `select data from events where type = 'mailbox.login_locked' and data ->> 'address' = $1`,
    [address],
  )
  assert.equal(rows.length, 1)
  assert.equal(at(rows[0], 'data', 'network'), '127.0.0.2/32')
  assert.equal((await call('DELETE', `${path}/login-lock`)).status, 204)
  await everywhere({ address, password }, (name) => accepted[name], '127.0.0.2')
  assert.deepEqual((await call('GET', `${path}/login-lock`)).json, { locked: false, networks: [] })
})

test('an address that nobody has is locked in the same way', async () => {
  const nobody = `nobody${++made}@demo.test`
  for (const password of ['one', 'two', 'three'])
    assert.match(await protocols.imap({ address: nobody, password }, '127.0.0.5'), refused.imap)
  await everywhere({ address: nobody, password: 'four' }, (name) => locked[name], '127.0.0.5')
})

test('SCRAM is locked too', async () => {
  const { address, password } = await newMailbox()
  for (const guess of ['one', 'two', 'three'])
    assert.match(await protocols.smtp({ address, password: guess }, '127.0.0.6'), refused.smtp)
  const client = await imap('127.0.0.6')
  const scram = createScramClient({ username: address, password })
  client.send(`s AUTHENTICATE SCRAM-SHA-256 ${scram.first.toString('base64')}\r\n`)
  client.send(`${scram.final(Buffer.from((await client.line()).slice(2), 'base64')).toString('base64')}\r\n`)
  assert.equal(Buffer.from((await client.line()).slice(2), 'base64').toString(), 'e=other-error')
  client.send('\r\n')
  assert.match((await client.answer('s')).tagged, locked.imap)
})

test('people are guarded too', async () => {
  const logIn = (password: string, from: string): Promise<Answer> =>
    call('POST', '/v1/sessions', { email: 'nobody@example.test', password }, { from })
  const { rows } = await server.platform.pool.query('select email from users limit 1')
  const email = textAt(rows[0], 'email')
  const right = (from: string): Promise<Answer> =>
    call('POST', '/v1/sessions', { email, password: 'a password for tests' }, { from })
  for (const guess of ['one', 'two', 'three'])
    assert.equal(
      (await call('POST', '/v1/sessions', { email, password: guess }, { from: '127.0.0.7' })).status,
      401,
    )
  assert.equal((await right('127.0.0.7')).status, 429)
  assert.equal((await right('127.0.0.8')).status, 201)
  assert.equal((await logIn('x', '127.0.0.8')).status, 401)
})
