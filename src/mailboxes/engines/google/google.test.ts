/** The driver against the stand-in: what it asks, how it reads the answers, and what every refusal means. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { Refusal } from '../../../platform/errors.ts'
import { type GoogleStandIn, startGoogle } from '../../../testing/google-stand-in.ts'
import type { GoogleFault } from '../../../testing/google-state.ts'
import { type RemoteDriver, RemoteFailure, type RemoteFailureKind, type WantedUser } from '../driver.ts'
import { openGoogle } from './google.ts'
import { checkGoogleSettings } from './settings.ts'

let google: GoogleStandIn
let driver: RemoteDriver

before(async () => {
  google = await startGoogle()
  driver = open()
})
after(() => google[Symbol.asyncDispose]())
beforeEach(() => {
  google.users.clear()
  google.requests.length = 0
  google.seats = 1000
})

function open(more: Partial<Parameters<typeof openGoogle>[0]> = {}, key = google.privateKey): RemoteDriver {
  const settings = { admin_email: google.adminEmail, client_email: google.clientEmail, ...more }
  return openGoogle(settings, key, { apiUrl: google.url, now: () => new Date(google.now()) })
}

const ann: WantedUser = {
  address: 'ann@tenant.example',
  firstName: 'Ann',
  lastName: 'Lee',
  displayName: 'Ann Lee',
  password: 'a password of hers',
  suspended: false,
  mark: 'mark-1',
}

async function kindOf(work: Promise<unknown>): Promise<RemoteFailureKind | 'worked'> {
  try {
    await work
    return 'worked'
  } catch (error) {
    assert.ok(error instanceof RemoteFailure, String(error))
    return error.kind
  }
}

const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0xfb, 0xff, 1, 2])

test('a user from creation to restoration', async () => {
  await driver.check()
  assert.equal(await driver.findByAddress(ann.address), null)
  const made = await driver.create(ann)
  assert.deepEqual(
    [made.address, made.mark, made.isReady, made.state],
    [ann.address, 'mark-1', false, 'active'],
  )
  const { id } = made
  assert.equal((await driver.get(id))?.isReady, true)
  await driver.update(id, { suspended: true })
  assert.equal((await driver.get(id))?.problem, 'Suspended (ADMIN).')
  await driver.update(id, { suspended: false, firstName: 'Anna', lastName: '', displayName: 'x' })
  assert.deepEqual(google.user(ann.address).name, { givenName: 'Anna', familyName: '.' })
  await driver.addAlias(id, 'a.lee@tenant.example')
  await driver.update(id, { address: 'anna@tenant.example' })
  const renamed = await driver.get(id)
  assert.deepEqual(
    [renamed?.address, renamed?.aliases],
    ['anna@tenant.example', ['a.lee@tenant.example', ann.address]],
  )
  assert.equal((await driver.findByAddress(ann.address))?.id, id)
  await driver.removeAlias(id, 'a.lee@tenant.example')
  await driver.setPassword(id, 'another password')
  assert.equal(google.user('anna@tenant.example').password, 'another password')
  await driver.setPicture(id, jpeg)
  assert.deepEqual(google.user('anna@tenant.example').photo, jpeg)
  await driver.setPicture(id, null)
  await driver.setPicture(id, null)
  await driver.delete(id)
  assert.equal(await driver.findByAddress('anna@tenant.example'), null)
  assert.equal((await driver.get(id))?.state, 'deleted')
  await driver.restore(id)
  assert.equal((await driver.get(id))?.state, 'active')
  assert.deepEqual(google.complaints, [])
})

test('one token serves many calls, and another is got once when it is refused', async () => {
  const tokens = (): number => google.requests.filter((line) => line === 'POST /token').length
  const own = open()
  await Promise.all([own.check(), own.findByAddress(ann.address), own.listUsers(null)])
  assert.equal(tokens(), 1)
  google.revokeTokens()
  await own.findByAddress(ann.address)
  assert.equal(tokens(), 2)
  driver = open()
})

test('users come by pages', async () => {
  google.pageSizeMax = 2
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await driver.create({ ...ann, address: `${name}@tenant.example` })
  }
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<RemoteDriver['listUsers']>> = await driver.listUsers(cursor)
    seen.push(...page.users.map(({ address }) => address))
    cursor = page.next
  } while (cursor !== null)
  assert.deepEqual(
    seen,
    ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@tenant.example`),
  )
  for (const { id } of google.users.values()) await driver.delete(id)
  const last = [...google.users.keys()].at(-1) ?? assert.fail()
  assert.equal((await driver.get(last))?.state, 'deleted')
  google.pageSizeMax = 500
})

test('what a new user is too new for', async () => {
  google.delays = { visible: 5_000, complete: 20_000, ready: 60_000 }
  const { id } = await driver.create(ann)
  assert.equal(await driver.get(id), null)
  assert.equal(await kindOf(driver.create(ann)), 'conflict')
  google.advance(6_000)
  assert.equal((await driver.get(id))?.isReady, false)
  assert.equal(await kindOf(driver.addAlias(id, 'x@tenant.example')), 'not_ready')
  google.advance(20_000)
  assert.equal(await kindOf(driver.addAlias(id, 'x@tenant.example')), 'worked')
  google.advance(60_000)
  assert.equal((await driver.get(id))?.isReady, true)
  google.delays = { visible: 0, complete: 0, ready: 0 }
})

test('what is refused', async () => {
  const { id } = await driver.create(ann)
  const bob = { ...ann, address: 'bob@tenant.example' }
  assert.equal(await kindOf(driver.create({ ...bob, password: 'short' })), 'rejected')
  assert.equal(await kindOf(driver.create({ ...bob, address: 'bob@elsewhere.example' })), 'not_ready')
  google.domains.set('new.example', false)
  assert.equal(await kindOf(driver.create({ ...bob, address: 'bob@new.example' })), 'not_ready')
  google.domains.set('new.example', true)
  assert.equal(await kindOf(driver.create({ ...bob, address: 'bob@new.example' })), 'worked')
  google.seats = 2
  assert.equal(await kindOf(driver.create(bob)), 'no_seats')
  for (let alias = 1; alias <= 30; alias++) await driver.addAlias(id, `a${alias}@tenant.example`)
  assert.equal(await kindOf(driver.addAlias(id, 'a31@tenant.example')), 'rejected')
  assert.equal(await kindOf(driver.addAlias(id, 'bob@new.example')), 'conflict')
  assert.equal(await kindOf(driver.removeAlias(id, 'a31@tenant.example')), 'not_found')
  google.user(ann.address).suspended = true
  google.user(ann.address).suspensionReason = 'ABUSE'
  assert.equal((await driver.get(id))?.problem, 'Suspended (ABUSE).')
  assert.equal(await kindOf(driver.update(id, { suspended: false })), 'unauthorized')
  await driver.delete(id)
  google.advance(21 * 24 * 3_600_000)
  assert.equal(await kindOf(driver.restore(id)), 'not_found')
  assert.equal(await driver.get(id), null)
  assert.deepEqual(google.complaints, [])
})

const faults: readonly [Omit<GoogleFault, 'on'>, RemoteFailureKind][] = [
  [{ status: 400, reason: 'invalid' }, 'rejected'],
  [{ status: 400, reason: 'invalid', message: 'Domain user_limit reached' }, 'no_seats'],
  [{ status: 412, reason: 'limitExceeded' }, 'no_seats'],
  [{ status: 403, reason: 'forbidden' }, 'unauthorized'],
  [{ status: 403, reason: 'insufficientPermissions' }, 'unauthorized'],
  [{ status: 403, reason: 'userRateLimitExceeded' }, 'busy'],
  [{ status: 403, reason: 'quotaExceeded' }, 'busy'],
  [{ status: 403, reason: 'rateLimitExceeded' }, 'busy'],
  [{ status: 404, reason: 'notFound' }, 'not_found'],
  [{ status: 409, reason: 'duplicate' }, 'conflict'],
  [{ status: 412, reason: 'conditionNotMet', message: 'User creation is not complete.' }, 'not_ready'],
  [{ status: 429, reason: 'rateLimitExceeded' }, 'busy'],
  [{ status: 500 }, 'busy'],
  [{ status: 503, reason: 'backendError' }, 'busy'],
  [{ status: 200, lost: true }, 'unreachable'],
]

test('every error of the contract', async () => {
  const { id } = await driver.create(ann)
  for (const [fault, kind] of faults) {
    google.faults.push({ on: /^PATCH \/users\//, ...fault })
    assert.equal(await kindOf(driver.setPassword(id, 'a new password')), kind, JSON.stringify(fault))
  }
  assert.deepEqual(google.faults, [])
})

test('when to come back, and what support asks for', async () => {
  const { id } = await driver.create(ann)
  google.faults.push({ on: /^DELETE /, status: 429, headers: { 'retry-after': '17', 'x-request-id': 'r-1' } })
  await assert.rejects(driver.delete(id), { kind: 'busy', retryAfterMs: 17_000, requestId: 'r-1' })
})

test('who is not let in', async () => {
  const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const pem = otherKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  assert.equal(await kindOf(open({}, pem).check()), 'unauthorized')
  assert.equal(await kindOf(open({ admin_email: 'someone@tenant.example' }).check()), 'unauthorized')
  assert.equal(
    await kindOf(open({ client_email: 'other@project.iam.gserviceaccount.com' }).check()),
    'unauthorized',
  )
  const [scope = ''] = google.scopes
  google.scopes.delete(scope)
  await assert.rejects(open().check(), {
    kind: 'unauthorized',
    message: /unauthorized_client.*not allowed these scopes in the Admin console/,
  })
  google.scopes.add(scope)
  const down = openGoogle(
    { admin_email: google.adminEmail, client_email: google.clientEmail },
    google.privateKey,
    { apiUrl: 'http://127.0.0.1:1', now: () => new Date() },
  )
  assert.equal(await kindOf(down.check()), 'unreachable')
})

test('what a mailbox takes up, from a report that is some days old', async () => {
  const { id } = await driver.create(ann)
  assert.equal(await driver.usageBytes?.(id), null)
  google.usageMb.set(id, 12)
  assert.equal(await driver.usageBytes?.(id), 12 * 1024 ** 2)
})

test('settings in their one form', () => {
  const file = JSON.stringify({
    type: 'service_account',
    client_email: google.clientEmail,
    private_key: google.privateKey,
  })
  const fromFile = checkGoogleSettings({ admin_email: 'Admin@Tenant.example' }, file)
  assert.deepEqual(fromFile, {
    settings: { admin_email: 'admin@tenant.example', client_email: google.clientEmail },
    secret: google.privateKey,
  })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const right = { admin_email: google.adminEmail, client_email: google.clientEmail }
  const wrong: [Parameters<typeof checkGoogleSettings>[0], string][] = [
    [{ ...right, client_email: 'x@y.example' }, file],
    [{ client_email: google.clientEmail }, google.privateKey],
    [{ admin_email: google.adminEmail }, google.privateKey],
    [{ ...right, admin_email: 'admin' }, google.privateKey],
    [{ ...right, customer_id: '../x' }, google.privateKey],
    [{ ...right, org_unit_path: 'outreach' }, google.privateKey],
    [right, 'no key'],
    [right, '{"type": "user"}'],
    [right, '{'],
    [right, ec.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ]
  for (const [settings, secret] of wrong) {
    assert.throws(() => checkGoogleSettings(settings, secret), Refusal, JSON.stringify(settings))
  }
})
