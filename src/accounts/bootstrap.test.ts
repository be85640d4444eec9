import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Platform } from '../platform/platform.ts'
import { openEmptyPlatform } from '../testing/test-node.ts'
import { testConfig } from '../testing/test-platform.ts'
import { bootstrap, createOperatorKey } from './bootstrap.ts'
import { startAuthenticator } from './principals.ts'
import { createSession } from './sessions.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const nothingGiven = { MAILWRIGHT_BOOTSTRAP_API_KEY: '', MAILWRIGHT_BOOTSTRAP_PASSWORD: '' }
const platform = await openEmptyPlatform(stack, nothingGiven)

/** The same platform, started with these variables. */
function startedWith(environment: Record<string, string>): Platform {
  return { ...platform, config: testConfig({ ...nothingGiven, ...environment }) }
}

async function isKnown(token: string): Promise<boolean> {
  const authenticator = startAuthenticator(platform)
  const principal = await authenticator.authenticate(token)
  await authenticator.stop()
  return principal !== null && principal.workspaceId === null && principal.access === 'write'
}

async function countOf(
  table: 'organizations' | 'workspaces' | 'users' | 'members' | 'api_keys',
): Promise<number> {
  return (await platform.db.selectFrom(table).selectAll().execute()).length
}

async function forgetEverything(): Promise<void> {
  for (const table of ['sessions', 'api_keys', 'members', 'users', 'workspaces', 'organizations'] as const) {
    await platform.db.deleteFrom(table).execute()
  }
}

test('the first start, also of several nodes at once, makes one of each and tells what it generated', async () => {
  const made = await Promise.all([bootstrap(platform), bootstrap(platform), bootstrap(platform)])
  const [first, ...more] = made.filter((one) => one !== null)
  assert.ok(first?.apiKey && first.password)
  assert.deepEqual(more, [])
  assert.equal(first.email, 'admin@localhost')
  assert.ok(Buffer.from(first.password, 'base64url').length >= 16)
  assert.ok(await isKnown(first.apiKey))
  assert.ok(await createSession(platform, first.email, first.password, '127.0.0.1'))
  for (const table of ['organizations', 'workspaces', 'users', 'members', 'api_keys'] as const) {
    assert.equal(await countOf(table), 1, table)
  }
})

test('a later start makes nothing', async () => {
  assert.equal(await bootstrap(platform), null)
  assert.deepEqual([await countOf('organizations'), await countOf('api_keys')], [1, 1])
})

test('a key that is given later is added, once, and opens the same organization', async () => {
  const given = 'mw_given_later_0123456789'
  const again = startedWith({ MAILWRIGHT_BOOTSTRAP_API_KEY: given })
  assert.equal(await bootstrap(again), null)
  assert.equal(await bootstrap(again), null)
  assert.ok(await isKnown(given))
  assert.deepEqual([await countOf('organizations'), await countOf('api_keys')], [1, 2])
})

test('a given key that was revoked stays so', async () => {
  const given = 'mw_given_later_0123456789'
  await platform.db.updateTable('api_keys').set({ revoked_at: new Date() }).execute()
  assert.equal(await bootstrap(startedWith({ MAILWRIGHT_BOOTSTRAP_API_KEY: given })), null)
  assert.equal(await isKnown(given), false)
})

test('who runs the server gets a key without having one', async () => {
  assert.ok(await isKnown(await createOperatorKey(platform, 'lost mine')))
})

test('what the variables give is used, and not told again', async () => {
  await forgetEverything()
  const given = startedWith({
    MAILWRIGHT_BOOTSTRAP_API_KEY: 'mw_given_at_first_0123456789',
    MAILWRIGHT_BOOTSTRAP_EMAIL: 'Root@Example.test',
    MAILWRIGHT_BOOTSTRAP_PASSWORD: 'a chosen password',
  })
  assert.deepEqual(await bootstrap(given), { apiKey: null, email: 'Root@Example.test', password: null })
  assert.ok(await isKnown('mw_given_at_first_0123456789'))
  assert.ok(await createSession(platform, 'root@example.test', 'a chosen password', '127.0.0.1'))
})

test('a given password that is easily guessed is taken, and the log says so', async () => {
  await forgetEverything()
  const warned: unknown[] = []
  const given = startedWith({ MAILWRIGHT_BOOTSTRAP_PASSWORD: 'password123' })
  const log = Object.create(platform.log, { warn: { value: (line: unknown) => warned.push(line) } })
  assert.equal((await bootstrap({ ...given, log }))?.email, 'admin@localhost')
  assert.equal(warned.length, 1)
  assert.match(JSON.stringify(warned), /bootstrap_password_weak.*common/)
  assert.doesNotMatch(JSON.stringify(warned), /password123/)
  assert.ok(await createSession(platform, 'admin@localhost', 'password123', '127.0.0.1'))
})

test('an operator key on an empty database makes the first accounts', async () => {
  await forgetEverything()
  assert.ok(await isKnown(await createOperatorKey(platform, 'first')))
  assert.deepEqual([await countOf('organizations'), await countOf('users')], [1, 1])
})
