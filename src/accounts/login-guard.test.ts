import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { guardLogin, loginsInTurnMax } from './login-guard.ts'
import { delayAfter, guardSubjects, type LoginAttempt } from './login-guard-policy.ts'
import { deleteOldGuards, type GuardRow } from './login-guard-rows.ts'

const environment = {
  MAILWRIGHT_LOGIN_FAILURES_MAX: '4',
  MAILWRIGHT_LOGIN_NETWORK_FAILURES_MAX: '12',
  MAILWRIGHT_LOGIN_TRUSTED_NETWORKS: '198.18.0.0/24,2001:db8:aaaa::/48',
}
const t = await startTestPlatform(environment)
after(() => t[Symbol.asyncDispose]())
const { platform } = t
const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const second = await openSecondNode(stack, t, environment)

const secret = 'right'
let passwordsLookedAt = 0
let made = 0

/** One attempt. @param guess null: its repetition is not known. */
async function attempt(
  password: string,
  { address = 'ann@demo.test', from = '192.0.2.1', kind = 'mailbox' as LoginAttempt['kind'] } = {},
  { guess = password as string | null, on = platform as Platform } = {},
): Promise<'accepted' | 'refused' | 'locked'> {
  const outcome = await guardLogin<null, string>(on, {
    attempt: { kind, address, remoteAddress: from },
    guess,
    async read(guards) {
      const { rows } = await sql<{ guards: GuardRow[] }>`select ${guards} as guards`.execute(on.db)
      return { guards: rows[0]?.guards ?? [], candidate: null }
    },
    async verify() {
      passwordsLookedAt += 1
      return password === secret ? 'in' : null
    },
  })
  return outcome.kind
}

/** An address and a network that no other test uses. */
function fresh(): { address: string; from: string } {
  made += 1
  return { address: `fresh${made}@demo.test`, from: `192.0.${100 + made}.1` }
}

async function fail(times: number, where: { address: string; from: string }): Promise<void> {
  for (let at = 0; at < times; at++)
    assert.equal(await attempt(`wrong ${made} ${at} ${Math.random()}`, where), 'refused')
}

test('after so many wrong passwords the right one is not looked at either, until the time is over', async () => {
  const where = fresh()
  await fail(4, where)
  const before = passwordsLookedAt
  assert.equal(await attempt(secret, where), 'locked')
  assert.equal(await attempt('wrong', where), 'locked')
  assert.equal(passwordsLookedAt, before)
  platform.clock.advance?.('PT14M')
  assert.equal(await attempt(secret, where), 'locked', 'attempts meanwhile change nothing')
  platform.clock.advance?.('PT2M')
  assert.equal(await attempt(secret, where), 'accepted')
  await fail(3, where)
  assert.equal(await attempt(secret, where), 'accepted', 'who got in begins anew')
})

test('each failure after a lock doubles it', async () => {
  const where = fresh()
  await fail(4, where)
  for (const minutes of [15, 30, 60]) {
    platform.clock.advance?.(`PT${minutes - 1}M`)
    assert.equal(await attempt(secret, where), 'locked', `${minutes}`)
    platform.clock.advance?.('PT2M')
    await fail(1, where)
  }
})

test('the owner is not locked out from elsewhere', async () => {
  const { address, from } = fresh()
  await fail(4, { address, from })
  assert.equal(await attempt(secret, { address, from: fresh().from }), 'accepted')
  assert.equal(await attempt(secret, { address, from: '2001:db8::1' }), 'accepted')
  assert.equal(await attempt(secret, { address, from: '127.0.0.1' }), 'accepted')
  assert.equal(await attempt(secret, { address: 'bob@demo.test', from }), 'accepted', 'nor are others there')
  assert.equal(await attempt(secret, { address, from }), 'locked')
})

test('a /64 is one network, an IPv4-mapped address is IPv4, people and mailboxes are apart', async () => {
  const { address } = fresh()
  for (const at of ['1', '2', 'ffff:1', '4']) await fail(1, { address, from: `2001:db8:1:2::${at}` })
  assert.equal(await attempt(secret, { address, from: '2001:db8:1:2:3:4:5:6' }), 'locked')
  assert.equal(await attempt(secret, { address, from: '2001:db8:1:3::1' }), 'accepted')
  const v4 = fresh()
  await fail(4, v4)
  assert.equal(await attempt(secret, { ...v4, from: `::ffff:${v4.from}` }), 'locked')
  assert.equal(await attempt(secret, { ...v4, kind: 'user' }), 'accepted')
})

test('a password that is repeated is one guess', async () => {
  const where = fresh()
  for (let at = 0; at < 20; at++) assert.equal(await attempt('of last year', where), 'refused')
  assert.equal(await attempt(secret, where), 'accepted')
  for (let at = 0; at < 4; at++) assert.equal(await attempt('a proof', where, { guess: null }), 'refused')
  assert.equal(await attempt(secret, where), 'locked', 'what cannot be told apart counts')
})

test('failures are forgotten, one in an hour', async () => {
  const where = fresh()
  await fail(3, where)
  platform.clock.advance?.('PT2H')
  await fail(2, where)
  assert.equal(await attempt(secret, where), 'accepted')
})

test('a network that guesses at many addresses is locked for all of them; the area later', async () => {
  const { from } = fresh()
  for (let at = 0; at < 12; at++) await fail(1, { address: `a${at}@demo.test`, from })
  assert.equal(await attempt(secret, { address: 'zoe@demo.test', from }), 'locked')
  const neighbour = from.replace(/\.1$/, '.2')
  assert.equal(await attempt(secret, { address: 'zoe@demo.test', from: neighbour }), 'accepted')
  for (let host = 2; host < 11; host++)
    for (let at = 0; at < 12; at++)
      await fail(1, { address: `b${host}.${at}@demo.test`, from: from.replace(/\.1$/, `.${host}`) })
  assert.equal(
    await attempt(secret, { address: 'zoe@demo.test', from: from.replace(/\.1$/, '.200') }),
    'locked',
  )
})

const trusted: [from: string, want: 'accepted' | 'locked'][] = [
  ['198.18.0.7', 'accepted'],
  ['198.18.1.7', 'locked'],
  ['2001:db8:aaaa::7', 'accepted'],
  ['2001:db8:bbbb::7', 'locked'],
  ['127.0.0.9', 'accepted'],
  ['::1', 'accepted'],
]
for (const [from, want] of trusted) {
  test(`many people are behind ${from}: ${want}`, async () => {
    for (let at = 0; at < 12; at++)
      await fail(1, { address: `t${at}.${from.replaceAll(':', '-')}@demo.test`, from })
    assert.equal(await attempt(secret, { address: 'zoe@demo.test', from }), want)
  })
}

test('another node knows at once, both ways', async () => {
  const where = fresh()
  second.clock.advance?.(
    `PT${Math.round((platform.clock.now().getTime() - second.clock.now().getTime()) / 1000)}S`,
  )
  await fail(2, where)
  for (const guess of ['x', 'y']) assert.equal(await attempt(guess, where, { on: second }), 'refused')
  for (const on of [platform, second]) assert.equal(await attempt(secret, where, { on }), 'locked')
})

test('so many at the same moment wait their turn, and more are told to come again', async () => {
  const where = fresh()
  const outcomes = await Promise.all(
    Array.from({ length: loginsInTurnMax + 3 }, () => attempt(secret, where)),
  )
  assert.deepEqual(
    outcomes.map((outcome, at) => [at, outcome]),
    outcomes.map((_, at) => [at, at < loginsInTurnMax ? 'accepted' : 'locked']),
  )
  assert.equal(await attempt(secret, where), 'accepted')
})

test('many at once are counted like one after another', async () => {
  const where = fresh()
  const before = passwordsLookedAt
  const outcomes = await Promise.all(Array.from({ length: 30 }, (_, at) => attempt(`guess ${at}`, where)))
  assert.equal(outcomes.filter((one) => one === 'refused').length, 4)
  assert.equal(passwordsLookedAt - before, 4)
})

test('the account over all networks is slowed down, and never locked', async () => {
  const { address } = fresh()
  for (let at = 0; at < 10; at++) await fail(1, { address, from: `203.0.${at}.1` })
  const start = performance.now()
  assert.equal(await attempt(secret, { address, from: '198.51.100.200' }), 'accepted')
  assert.ok(performance.now() - start >= 3900, 'after 10 of 12 failures')
  const { rows } = await sql<{ locked_until: Date | null }>`
    select locked_until from login_guards where subject = ${`account mailbox:${address}`}`.execute(
    platform.db,
  )
  assert.deepEqual(rows, [{ locked_until: null }])
})

test('answers come later from half of the failures on, up to five seconds', () => {
  const [pair] = guardSubjects({ ...t.config, loginFailuresMax: 10 }, attemptOf('192.0.2.1'))
  assert.ok(pair)
  const delays = [0, 1, 4, 5, 6, 7, 8, 9, 10, 15].map((failures) => delayAfter(failures, pair.rule))
  assert.deepEqual(delays, [0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000])
})

function attemptOf(remoteAddress: string): LoginAttempt {
  return { kind: 'mailbox', address: 'ann@demo.test', remoteAddress }
}

const subjects: [from: string, networks: (string | null)[]][] = [
  ['192.0.2.7', ['192.0.2.7/32', null, '192.0.2.7/32', '192.0.2.0/24']],
  ['::ffff:192.0.2.7', ['192.0.2.7/32', null, '192.0.2.7/32', '192.0.2.0/24']],
  ['2001:db8:1:2:3::4', ['2001:db8:1:2::/64', null, '2001:db8:1:2::/64', '2001:db8:1::/48']],
  ['fe80::1%eth0', ['fe80::/64', null, 'fe80::/64', 'fe80::/48']],
  ['', ['unknown', null, 'unknown', 'unknown']],
  ['127.0.0.1', ['127.0.0.1/32', null]],
]
for (const [from, networks] of subjects) {
  test(`the networks of ${from || 'nowhere'}`, () => {
    assert.deepEqual(
      guardSubjects(t.config, attemptOf(from)).map(({ network }) => network),
      networks,
    )
  })
}

test('rows go after an hour for each failure, locked ones not before their end', async () => {
  const count = async (): Promise<number> =>
    (await sql<{ n: number }>`select count(*)::int as n from login_guards`.execute(platform.db)).rows[0]?.n ??
    0
  await sql`delete from login_guards`.execute(platform.db)
  await fail(1, { address: 'once@demo.test', from: '127.0.0.1' })
  await fail(3, { address: 'thrice@demo.test', from: '127.0.0.1' })
  assert.equal(await count(), 4)
  platform.clock.advance?.('PT90M')
  await deleteOldGuards(platform)
  assert.equal(await count(), 2)
  platform.clock.advance?.('PT2H')
  await deleteOldGuards(platform)
  assert.equal(await count(), 0)
})
