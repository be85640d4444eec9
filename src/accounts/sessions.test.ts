import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { startAuthenticator } from './principals.ts'
import { createSession, deleteOldSessions, endSession, sessionHours } from './sessions.ts'
import { createUser } from './users.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const failuresMax = 4
const t = stack.use(
  await startTestPlatform({
    MAILWRIGHT_BOOTSTRAP_EMAIL: 'Ann@Example.test',
    MAILWRIGHT_LOGIN_FAILURES_MAX: String(failuresMax),
  }),
)
const { platform, scope } = t
const authenticator = startAuthenticator(platform)
stack.defer(() => authenticator.stop())
const password = 'a password for tests'

test('the right password makes a session of the whole organization', async () => {
  const { token, expiresAt } = await createSession(platform, 'ann@example.test', password, '127.0.0.1')
  assert.match(token, /^mws_[\w-]{43}$/)
  const principal = await authenticator.authenticate(token)
  assert.equal(principal?.kind, 'session')
  assert.deepEqual(
    [principal?.organizationId, principal?.workspaceId, principal?.access, principal?.expiresAt],
    [scope.organizationId, null, 'write', expiresAt],
  )
  assert.ok(principal?.userId)
})

test('the case of the address does not matter', async () => {
  assert.ok(await createSession(platform, 'ANN@EXAMPLE.TEST', password, '127.0.0.1'))
})

const refused: [email: string, password: string][] = [
  ['ann@example.test', 'a password for test'],
  ['ann@example.test', ''],
  ['ann@example.test', 'x'.repeat(2000)],
  ['bob@example.test', password],
  ['', password],
]
for (const [email, wrong] of refused) {
  test(`${email || 'nobody'} with ${JSON.stringify(wrong.slice(0, 20))} is refused`, async () => {
    await assert.rejects(createSession(platform, email, wrong, '127.0.0.1'), { code: 'login_failed' })
  })
}

test('a session ends at once when it is ended, and only that one', async () => {
  const [one, two] = [
    await createSession(platform, 'ann@example.test', password, '127.0.0.1'),
    await createSession(platform, 'ann@example.test', password, '127.0.0.1'),
  ]
  const principal = await authenticator.authenticate(one.token)
  assert.ok(principal)
  assert.ok(await authenticator.authenticate(two.token))
  await transaction(platform.db, (tx) => endSession(platform, tx, principal))
  assert.equal(await authenticator.authenticate(one.token), null)
  assert.ok(await authenticator.authenticate(two.token))
})

test('after too many wrong passwords a person is told how long to wait', async () => {
  const from = '192.0.2.77'
  for (let at = 0; at < failuresMax; at++) {
    await assert.rejects(createSession(platform, 'ann@example.test', `wrong ${at}`, from), {
      code: 'login_failed',
    })
  }
  await assert.rejects(createSession(platform, 'ann@example.test', password, from), {
    code: 'rate_limited',
    retryAfterSeconds: t.config.loginLock,
  })
})

test('a session ends by itself, and its row is swept', async () => {
  const { token } = await createSession(platform, 'ann@example.test', password, '127.0.0.1')
  platform.clock.advance?.(`PT${sessionHours - 1}H`)
  assert.ok(await authenticator.authenticate(token))
  const { token: later } = await createSession(platform, 'ann@example.test', password, '127.0.0.1')
  platform.clock.advance?.('PT61M')
  assert.equal(await authenticator.authenticate(token), null)
  await deleteOldSessions(platform)
  const rows = await platform.db.selectFrom('sessions').select('id').execute()
  assert.equal(rows.length, 1)
  assert.ok(await authenticator.authenticate(later))
})

test('an address is one user’s', async () => {
  await assert.rejects(
    transaction(platform.db, (tx) =>
      createUser(platform, tx, {
        organizationId: scope.organizationId,
        email: 'ANN@example.test',
        password,
        role: 'member',
      }),
    ),
    { code: 'email_taken' },
  )
})
