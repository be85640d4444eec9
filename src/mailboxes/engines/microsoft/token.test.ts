/** Tokens: how many are asked for, when another is, and by what proof. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mock, test } from 'node:test'
import { type MicrosoftStandIn, startMicrosoft } from '../../../testing/microsoft-stand-in.ts'
import { rsaCertificate } from '../../../testing/test-certificate.ts'
import { openStandIn, remoteFailureOf, wantedUser } from '../../../testing/test-microsoft.ts'

const ann = wantedUser('ann')
const minuteMs = 60_000

const tokensOf = ({ state }: MicrosoftStandIn): number =>
  state.requests.filter((one) => one.endsWith('/oauth2/v2.0/token')).length

test('one token is enough for all calls', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  await Promise.all([driver.check(), driver.check(), driver.get('none')])
  await driver.check()
  assert.equal(tokensOf(microsoft), 1)
  assert.ok(
    microsoft.state.requests.every((one) => !/discovery|openid/.test(one)),
    'nobody else is asked',
  )
})

test('a token that is refused is renewed once, by one of many calls', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  microsoft.advanceMs(61 * minuteMs) // their clock is ahead: for us the token is good
  assert.equal((await driver.get(id))?.id, id)
  assert.equal(tokensOf(microsoft), 2)
  microsoft.revokeTokens()
  const calls = Array.from({ length: 10 }, () => driver.get(id))
  for (const user of await Promise.all(calls)) assert.equal(user?.id, id)
  assert.equal(tokensOf(microsoft), 3)
})

test('a refusal of the new token is final', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  await driver.check()
  microsoft.state.tokenSeconds = -3600 // the login gives what Graph does not take
  microsoft.revokeTokens()
  const failure = await remoteFailureOf(driver.get('x'))
  assert.equal(failure.kind, 'unauthorized')
  assert.match(failure.message, /InvalidAuthenticationToken Lifetime validation failed/)
  assert.equal(microsoft.state.requests.filter((one) => one.endsWith('/users/x')).length, 2)
  microsoft.state.tokenSeconds = 3599
  assert.equal(await driver.get('x'), null)
})

test('a token is renewed before it ends', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  try {
    await driver.check()
    mock.timers.setTime(Date.now() + 50 * minuteMs)
    await driver.check()
    assert.equal(tokensOf(microsoft), 1)
    mock.timers.setTime(Date.now() + 8 * minuteMs)
    const before = microsoft.state.requests.length
    await driver.check()
    assert.equal(tokensOf(microsoft), 2)
    assert.match(microsoft.state.requests[before] ?? '', /token$/, 'without a refusal')
  } finally {
    mock.timers.reset()
  }
})

test('a login that failed is tried again with the next call', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  for (const status of [500, 429]) {
    microsoft.answerNext({ status, headers: { 'retry-after': '30' }, only: /token$/ })
    const failure = await remoteFailureOf(driver.check())
    assert.deepEqual([failure.kind, failure.retryAfterMs], ['busy', 30_000])
  }
  await driver.check()
})

test('an application proves itself by a certificate', async (t) => {
  const registered = await rsaCertificate()
  const secret = { kind: 'certificate', ...registered } as const
  await t.test('that is registered', async () => {
    await using microsoft = await startMicrosoft()
    microsoft.state.certificates.push(registered.certificatePem)
    const driver = openStandIn(microsoft, secret)
    await driver.check()
    await driver.create(ann)
    assert.deepEqual(microsoft.state.complaints, [])
  })
  await t.test('that is not registered', async () => {
    await using microsoft = await startMicrosoft()
    const failure = await remoteFailureOf(openStandIn(microsoft, secret).check())
    assert.equal(failure.kind, 'unauthorized')
    assert.match(failure.message, /invalid_client AADSTS700027/)
  })
  for (const [skewMinutes, isLetIn] of [
    [4, true],
    [-4, true],
    [16, false],
    [-6, false],
  ] as const) {
    await t.test(`by a clock that differs by ${skewMinutes} minutes`, async () => {
      await using microsoft = await startMicrosoft()
      microsoft.state.certificates.push(registered.certificatePem)
      microsoft.advanceMs(skewMinutes * minuteMs)
      const driver = openStandIn(microsoft, secret)
      if (isLetIn) return await driver.check()
      const failure = await remoteFailureOf(driver.check())
      assert.equal(failure.kind, 'unauthorized')
      assert.match(failure.message, /AADSTS700024: Client assertion is not within its valid time range/)
    })
  }
  const other = await rsaCertificate()
  const curve = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
  const broken = [
    { name: 'another key', privateKeyPem: other.privateKeyPem, words: /not the one of the certificate/ },
    {
      name: 'an EC key',
      privateKeyPem: curve.export({ type: 'pkcs8', format: 'pem' }).toString(),
      words: /must be an RSA key/,
    },
    { name: 'no key', privateKeyPem: 'none', words: /cannot be read/ },
  ]
  for (const { name, privateKeyPem, words } of broken) {
    await t.test(name, async () => {
      await using microsoft = await startMicrosoft()
      const failure = await remoteFailureOf(openStandIn(microsoft, { ...secret, privateKeyPem }).check())
      assert.equal(failure.kind, 'unauthorized')
      assert.match(failure.message, words)
      assert.deepEqual(microsoft.state.requests, [], 'nothing is sent')
    })
  }
})
