/** An agent that signed up by itself, as mail clients: its key is the password of IMAP and submission. The whole server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Server, startServer } from '../src/server.ts'
import { at, call, type Reply, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { connectRaw, type RawClient } from '../src/testing/test-imap.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'
import { connectSmtp, plainToken, type SmtpClient } from '../src/testing/test-smtp.ts'

const stack = new AsyncDisposableStack()
let server: Server
let agent: { key: string; address: string }

before(async () => {
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_AGENT_SIGNUP: 'on',
    MAILWRIGHT_LOGIN_FAILURES_MAX: '3',
  })
  server = stack.use(await startServer(config))
  await api('POST', '/v1/domains', { name: 'demo.test' })
  await api('PUT', '/v1/domains/demo.test/shared')
  for (const name of ['human-one', 'stranger'])
    await api('POST', '/v1/mailboxes', { address: `${name}@demo.test` })
  const { json } = await api('POST', '/inkbox/api/v1/agent-signup', {
    human_email: 'human-one@demo.test',
    note_to_human: 'Hi',
  })
  agent = { key: textAt(json, 'api_key'), address: textAt(json, 'email_address') }
})
after(() => stack.disposeAsync())

function api(method: string, path: string, body?: unknown, key = testApiKey): Promise<Reply> {
  return call(server.endpoints.http ?? '', key, method, path, body === undefined ? {} : { body })
}

function portOf(name: 'imap' | 'submission'): number {
  return Number(server.endpoints[name]?.split(':').at(-1))
}

async function imap(): Promise<RawClient> {
  const client = await connectRaw(portOf('imap'), false, '127.0.0.1')
  stack.defer(() => client.close())
  await client.line()
  return client
}

async function smtp(from = '127.0.0.1'): Promise<SmtpClient> {
  const client = await connectSmtp(portOf('submission'), { from })
  stack.defer(() => client.destroy())
  await client.command('EHLO client.example')
  return client
}

const logIn = async (key: string, from?: string): Promise<string> =>
  (await smtp(from)).command(`AUTH PLAIN ${plainToken(agent.address, key)}`)

test('by submission an unclaimed agent writes to its human alone, five times a day', async () => {
  const client = await smtp()
  assert.match(await client.command(`AUTH PLAIN ${plainToken(agent.address, agent.key)}`), /^235 /)
  for (let sent = 0; sent < 6; sent++) {
    assert.match(await client.command(`MAIL FROM:<${agent.address}>`), /^250 /)
    assert.match(await client.command('RCPT TO:<stranger@demo.test>'), /^550 5\.7\.1 Before it is claimed/)
    const answer = await client.command('RCPT TO:<human-one@demo.test>')
    assert.match(answer, sent < 5 ? /^250 / : /^450 4\.7\.1 Before it is claimed/)
    await client.command('RSET')
  }
})

test('others keys do not log in, and guesses are counted', async () => {
  const own = await api('GET', '/v1/me', undefined, agent.key)
  assert.equal(at(own.json, 'bound_to', 'mailbox_id') !== null, true)
  const from = '127.0.0.9'
  assert.match(await logIn(testApiKey, from), /^535 /)
  assert.match(await logIn(`${agent.key}x`, from), /^535 /)
  assert.match(await logIn('ApiKey_x', from), /^535 /)
  assert.match(await logIn(agent.key, from), /^(?:454|535) /, 'locked after three')
  assert.match(await logIn(agent.key), /^235 /, 'elsewhere it is not')
})

test('a key that may only read, or is over, does not log in', async () => {
  const { json: me } = await api('GET', '/v1/me', undefined, agent.key)
  const mailbox_id = at(me, 'bound_to', 'mailbox_id')
  const make = async (more: Record<string, unknown>): Promise<string> =>
    textAt((await api('POST', '/v1/api-keys', { name: 'x', mailbox_id, ...more }, agent.key)).json, 'token')
  assert.match(await logIn(await make({})), /^235 /)
  assert.match(await logIn(await make({ format: 'scaleway' })), /^235 /)
  assert.match(await logIn(await make({ access: 'read' }), '127.0.0.7'), /^535 /)
})

test('IMAP takes the key, and a revoked one ends its session and logs in no more', async () => {
  const client = await imap()
  await client.ok(`LOGIN ${agent.address} "${agent.key}"`)
  await client.ok('SELECT INBOX')
  const { json: me } = await api('GET', '/v1/me', undefined, agent.key)
  assert.equal((await api('DELETE', `/v1/api-keys/${textAt(me, 'id')}`, undefined, agent.key)).status, 204)
  assert.match(await client.line(), /^\* BYE .*API key was revoked/)
  await client.ended
  assert.match(await logIn(agent.key), /^535 /)
})
