/** What Graph and the login refuse, and what is made of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MicrosoftStandIn, startMicrosoft } from '../../../testing/microsoft-stand-in.ts'
import { openStandIn, remoteFailureOf, wantedUser } from '../../../testing/test-microsoft.ts'
import type { RemoteFailureKind } from '../driver.ts'

const ann = wantedUser('ann')

type ErrorCase = {
  status: number
  code: string
  message?: string
  details?: readonly Record<string, string>[]
  retryAfter?: string
  kind: RemoteFailureKind
  retryAfterMs?: number
}

const taken = 'Another object with the same value for property proxyAddresses already exists.'
const cases: readonly ErrorCase[] = [
  { status: 400, code: 'Request_BadRequest', message: taken, kind: 'conflict' },
  { status: 400, code: 'Request_BadRequest', message: 'Property netId is invalid.', kind: 'conflict' },
  {
    status: 400,
    code: 'Request_BadRequest',
    message: 'One or more errors.',
    details: [{ code: 'ObjectConflict', target: 'userPrincipalName' }],
    kind: 'conflict',
  },
  {
    status: 400,
    code: 'Request_BadRequest',
    message: 'License assignment cannot be done for user with invalid usage location.',
    kind: 'rejected',
  },
  {
    status: 400,
    code: 'Request_BadRequest',
    message:
      'Subscription with SKU 4b9405b0-7788-4568-add1-99614e613b69 does not have any available licenses.',
    kind: 'no_seats',
  },
  {
    status: 400,
    code: 'Request_BadRequest',
    message: 'The specified password does not comply',
    kind: 'rejected',
  },
  {
    status: 400,
    code: 'Request_BadRequest',
    message: 'The domain portion of the userPrincipalName property is invalid.',
    kind: 'not_ready',
  },
  { status: 403, code: 'Authorization_RequestDenied', kind: 'unauthorized' },
  { status: 403, code: 'ErrorAccessDenied', kind: 'unauthorized' },
  { status: 403, code: 'Directory_QuotaExceeded', kind: 'rejected' },
  { status: 404, code: 'Request_ResourceNotFound', kind: 'not_found' },
  { status: 404, code: 'MailboxNotEnabledForRESTAPI', kind: 'not_ready' },
  { status: 404, code: 'ErrorItemNotFound', kind: 'not_ready' },
  { status: 404, code: 'ResourceNotFound', kind: 'not_ready' },
  { status: 409, code: 'Request_MultipleObjectsWithSameKeyValue', kind: 'conflict' },
  { status: 409, code: 'ConflictingObjects', kind: 'conflict' },
  { status: 415, code: 'UnsupportedMediaType', kind: 'rejected' },
  { status: 429, code: 'TooManyRequests', retryAfter: '17', kind: 'busy', retryAfterMs: 17_000 },
  { status: 429, code: 'activityLimitReached', kind: 'busy' },
  { status: 500, code: 'InternalServerError', kind: 'busy' },
  { status: 503, code: 'ServiceUnavailable', retryAfter: '3', kind: 'busy', retryAfterMs: 3_000 },
  { status: 504, code: 'UnknownError', kind: 'busy' },
]

test('each error of Graph has its kind, its words and its id', async (t) => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  for (const { status, code, message = 'Words.', details = [], retryAfter, kind, retryAfterMs } of cases) {
    await t.test(`${status} ${code} ${message.slice(0, 30)}`, async () => {
      microsoft.answerNext({
        status,
        headers: {
          'request-id': `r-${code}`,
          'content-type': 'application/json',
          ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
        },
        body: JSON.stringify({ error: { code, message, details } }),
      })
      const failure = await remoteFailureOf(driver.update(id, { firstName: 'A' }))
      assert.equal(failure.kind, kind)
      assert.equal(failure.message, `Microsoft answered ${status} ${code} ${message}`)
      assert.equal(failure.requestId, `r-${code}`)
      assert.equal(failure.retryAfterMs, retryAfterMs ?? null)
    })
  }
})

test('what is not from Graph says nothing of users', async (t) => {
  const replies = [
    { status: 404, body: '<html>Not Found</html>' },
    { status: 400, body: '' },
    { status: 409, body: '{}' },
    { status: 302, headers: { location: 'https://login.example/' } },
    { status: 200, body: '<html>Welcome to the Wi-Fi</html>' },
    { status: 200, body: '{}' },
    { status: 200, body: 'x'.repeat(9 * 1024 ** 2) },
    { status: 0 },
  ]
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  for (const reply of replies) {
    await t.test(`${reply.status} ${(reply.body ?? '').slice(0, 20)}`, async () => {
      microsoft.answerNext(reply)
      assert.equal((await remoteFailureOf(driver.get(id))).kind, 'unreachable')
    })
  }
  await microsoft[Symbol.asyncDispose]()
  const failure = await remoteFailureOf(driver.get(id))
  assert.deepEqual([failure.kind, failure.message], ['unreachable', 'No answer (ECONNREFUSED).'])
})

test('a refusal of the stand-in itself goes the same way', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  const weak = await remoteFailureOf(driver.setPassword(id, 'weak'))
  assert.equal(weak.kind, 'rejected')
  assert.match(weak.message, /password complexity/)
  assert.equal(weak.requestId, microsoft.state.requestIds.at(-1))
  const foreign = { ...wantedUser('bob'), address: 'bob@other.example' }
  assert.equal(
    (await remoteFailureOf(driver.create(foreign))).kind,
    'not_ready',
    'the domain is not verified',
  )
  const plus = { ...wantedUser('bob'), address: 'bob+tag@demo.example' }
  assert.equal((await remoteFailureOf(driver.create(plus))).kind, 'rejected')
  assert.equal((await remoteFailureOf(driver.setPicture(id, Buffer.from('no picture')))).kind, 'rejected')
  assert.equal((await remoteFailureOf(driver.setPicture(id, Buffer.alloc(5 * 1024 ** 2)))).kind, 'rejected')
  microsoft.state.permissions.delete('User-PasswordProfile.ReadWrite.All')
  assert.equal((await remoteFailureOf(driver.setPassword(id, 'Another password, 2'))).kind, 'unauthorized')
})

test('no secret is told again', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  const body = { error: { code: 'Request_BadRequest', message: `The password ${ann.password} is bad.` } }
  const reply = { status: 400, body: JSON.stringify(body), only: /users/ }
  microsoft.answerNext(reply)
  const failure = await remoteFailureOf(driver.setPassword(id, ann.password))
  assert.equal(failure.message, 'Microsoft answered 400 Request_BadRequest The password [secret] is bad.')
  microsoft.answerNext({ ...reply, only: /POST \S+users$/ })
  const refused = await remoteFailureOf(driver.create({ ...ann, address: 'bob@demo.example' }))
  assert.equal(refused.message, failure.message)
  for (const secret of [ann.password, ...microsoft.state.secrets, ...microsoft.state.tokens.keys()]) {
    const told = [failure, refused].map((one) => `${one.stack} ${JSON.stringify(one)} ${String(one.cause)}`)
    assert.ok(!told.join().includes(secret))
  }
})

test('the login: who is refused, and why', async (t) => {
  type Change = (microsoft: MicrosoftStandIn) => void
  const tenants: { name: string; change: Change; kind: RemoteFailureKind; words: RegExp }[] = [
    {
      name: 'another secret',
      change: ({ state }) => void state.secrets.splice(0, 1, 'another'),
      kind: 'unauthorized',
      words: /^Microsoft's login answered 401 invalid_client AADSTS7000215: Invalid client secret provided/,
    },
    {
      name: 'a secret that has ended',
      change: ({ state }) => void state.endedSecrets.push(...state.secrets.splice(0)),
      kind: 'unauthorized',
      words: /AADSTS7000222: .* are expired\.$/,
    },
    {
      name: 'another application',
      change: ({ state }) => {
        state.clientId = 'another'
      },
      kind: 'unauthorized',
      words: /unauthorized_client AADSTS700016/,
    },
    {
      name: 'another tenant',
      change: ({ state }) => {
        state.tenantId = 'another'
      },
      kind: 'unauthorized',
      words: /AADSTS90002: Tenant .* not found/,
    },
    {
      name: 'too many',
      change: (microsoft) =>
        microsoft.answerNext({ status: 429, headers: { 'retry-after': '5' }, only: /token$/ }),
      kind: 'busy',
      words: /429/,
    },
    {
      name: 'out of order',
      change: (microsoft) =>
        microsoft.answerNext({
          status: 400,
          body: '{"error":"temporarily_unavailable","error_description":"AADSTS90006: later"}',
          only: /token$/,
        }),
      kind: 'busy',
      words: /AADSTS90006: later/,
    },
    {
      name: 'something else',
      change: (microsoft) => microsoft.answerNext({ status: 404, body: '<html>', only: /token$/ }),
      kind: 'unreachable',
      words: /404/,
    },
    {
      name: 'no JSON',
      change: (microsoft) => microsoft.answerNext({ status: 200, body: '<html>', only: /token$/ }),
      kind: 'unreachable',
      words: /did not answer with JSON/,
    },
    {
      name: 'no answer',
      change: (microsoft) => microsoft.answerNext({ status: 0, only: /token$/ }),
      kind: 'unreachable',
      words: /No answer/,
    },
  ]
  for (const { name, change, kind, words } of tenants) {
    await t.test(name, async () => {
      await using microsoft = await startMicrosoft()
      const secrets = [...microsoft.state.secrets]
      const driver = openStandIn(microsoft)
      change(microsoft)
      const failure = await remoteFailureOf(driver.check())
      assert.equal(failure.kind, kind)
      assert.match(failure.message, words)
      assert.ok(secrets.every((secret) => !`${failure.stack} ${String(failure.cause)}`.includes(secret)))
      assert.doesNotMatch(failure.message, /Trace ID|Timestamp/)
    })
  }
})

test('an error of the login has its trace id', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  microsoft.state.secrets.splice(0, 1, 'another')
  assert.match((await remoteFailureOf(driver.check())).requestId ?? '', /^[0-9a-f-]{36}$/)
})
