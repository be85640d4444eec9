import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { engineOf, setEngines } from '../mailboxes/engines.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { appCode, startNextStep } from '../testing/test-totp.ts'

let api: TestApi
let address: string
let path: string
let count = 0
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())
beforeEach(async () => {
  address = `ann${++count}@demo.test`
  path = `/v1/mailboxes/${address}/totp`
  await api.call('POST', '/v1/mailboxes', { body: { address } })
  await showCodes(false)
  startNextStep(api.platform)
})

async function showCodes(shown: boolean): Promise<void> {
  const row = { totp_codes_shown: shown, rename_alias_days: 90, restore_days: 30 }
  await api.platform.db
    .insertInto('mailbox_settings')
    .values({ workspace_id: api.scope.workspaceId, ...row })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(row))
    .execute()
}

function codeOf(secret: string, steps = 0): string {
  return appCode(api.platform, secret, steps)
}

async function enrol(body?: object): Promise<string> {
  const reply = await api.call('POST', path, { body })
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'secret')
}

async function verify(code: string, headers: Record<string, string> = {}): Promise<Reply> {
  return await api.call('POST', `${path}/verify`, { body: { code }, headers })
}

async function check(code: string): Promise<Reply> {
  return await api.call('POST', `${path}/check`, { body: { code } })
}

async function events(): Promise<string[]> {
  const rows = await api.platform.db
    .selectFrom('events')
    .innerJoin('mailboxes', 'mailboxes.id', 'events.mailbox_id')
    .select('type')
    .where('mailboxes.address', '=', address)
    .where('type', 'like', 'mailbox.%')
    .orderBy('events.xid')
    .orderBy('events.id')
    .execute()
  return rows.map(({ type }) => type).filter((type) => /totp|recovery/.test(type))
}

const off = {
  enabled: false,
  pending: false,
  enabled_at: null,
  recovery_codes_left: 0,
  code: null,
  seconds_left: null,
}

test('enrol, verify, check, disable', async () => {
  assert.deepEqual((await api.call('GET', path)).json, off)
  const enrolled = await api.call('POST', path)
  assert.equal(enrolled.headers.get('cache-control'), 'no-store')
  const secret = textAt(enrolled.json, 'secret')
  assert.match(secret, /^[A-Z2-7]{32}$/)
  assert.match(
    textAt(enrolled.json, 'uri'),
    new RegExp(`^otpauth://totp/Mailwright:${address.replace('@', '%40')}\\?`),
  )
  assert.deepEqual((await api.call('GET', path)).json, { ...off, pending: true })
  assert.equal(refusal(await check(codeOf(secret))), '409 totp_state_conflict')

  const enabled = await verify(codeOf(secret))
  assert.equal(enabled.status, 200, enabled.text)
  assert.equal(enabled.headers.get('cache-control'), 'no-store')
  const codes = at(enabled.json, 'recovery_codes')
  assert.ok(Array.isArray(codes) && codes.length === 10)
  assert.equal(textAt(enabled.json, 'app_password', 'name'), 'Two-factor authentication')
  assert.deepEqual(at(enabled.json, 'app_password', 'scopes'), ['imap', 'pop3', 'smtp'])
  assert.ok(textAt(enabled.json, 'app_password', 'password').length >= 16)
  const status = (await api.call('GET', path)).json
  assert.deepEqual(status, {
    ...off,
    enabled: true,
    enabled_at: textAt(enabled.json, 'enabled_at'),
    recovery_codes_left: 10,
  })

  assert.deepEqual(
    (await check(codeOf(secret))).json,
    { valid: false, kind: null },
    'it turned the factor on',
  )
  assert.deepEqual((await check(codeOf(secret, 1))).json, { valid: true, kind: 'totp' })
  assert.deepEqual((await check(String(codes[3]))).json, { valid: true, kind: 'recovery' })
  const renewed = await api.call('POST', `${path}/recovery-codes`)
  assert.equal(renewed.headers.get('cache-control'), 'no-store')
  assert.deepEqual((await check(String(codes[4]))).json, { valid: false, kind: null })
  assert.deepEqual((await check(textAt(renewed.json, 'recovery_codes', 4))).json, {
    valid: true,
    kind: 'recovery',
  })

  assert.equal((await api.call('DELETE', path)).status, 204)
  assert.deepEqual((await api.call('GET', path)).json, off)
  assert.equal(refusal(await check(codeOf(secret))), '409 totp_state_conflict')
  assert.deepEqual(await events(), [
    'mailbox.totp_enrolled',
    'mailbox.totp_enabled',
    'mailbox.recovery_code_used',
    'mailbox.recovery_codes_renewed',
    'mailbox.recovery_code_used',
    'mailbox.totp_disabled',
  ])
})

test('credentials say whether the password still logs in', async () => {
  const credentials = `/v1/mailboxes/${address}/credentials`
  const usable = async () => at((await api.call('GET', credentials)).json, 'password_usable')
  assert.equal(await usable(), true)
  const secret = await enrol()
  assert.equal(await usable(), true, 'not until a code is verified')
  await verify(codeOf(secret))
  assert.equal(await usable(), false)
  const changed = await api.call('POST', `/v1/mailboxes/${address}/password`)
  assert.equal(at(changed.json, 'password_usable'), false)
  await api.call('DELETE', path)
  assert.equal(await usable(), true)
})

test('the code is shown where the workspace allows it, to keys that may write, and each look is noted', async () => {
  const secret = await enrol()
  await showCodes(true)
  assert.equal(at((await api.call('GET', path)).json, 'code'), null, 'not of a secret that is not confirmed')
  await verify(codeOf(secret))
  const shown = await api.call('GET', path)
  assert.equal(shown.headers.get('cache-control'), 'no-store')
  assert.equal(textAt(shown.json, 'code'), codeOf(secret))
  const left = at(shown.json, 'seconds_left')
  assert.ok(typeof left === 'number' && left >= 1 && left <= 30)

  const reader = await api.key({ access: 'read' })
  const read = await api.call('GET', path, { key: reader })
  assert.deepEqual([at(read.json, 'enabled'), at(read.json, 'code')], [true, null])
  await showCodes(false)
  assert.equal(at((await api.call('GET', path)).json, 'code'), null)
  assert.deepEqual(
    (await events()).filter((type) => type === 'mailbox.totp_code_viewed'),
    ['mailbox.totp_code_viewed'],
  )
})

test('wrong codes are refused, counted also with an Idempotency-Key and not by previews, and pause', async () => {
  const secret = await enrol()
  const wrong = '000000'
  for (let round = 0; round < 10; round += 1) {
    const tried = await api.call('POST', `${path}/verify`, { body: { code: wrong, preview: true } })
    assert.equal(tried.status, 200, 'a preview judges no code')
  }
  const key = { 'idempotency-key': `wrong-${address}` }
  for (let round = 0; round < 3; round += 1) {
    assert.equal(refusal(await verify(wrong, key)), '422 totp_code_wrong', 'one request, sent three times')
  }
  for (let round = 0; round < 4; round += 1) {
    assert.equal(refusal(await verify(wrong)), '422 totp_code_wrong')
  }
  const paused = await verify(codeOf(secret))
  assert.equal(refusal(paused), '429 totp_paused')
  const seconds = Number(paused.headers.get('retry-after'))
  assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`)
  const tried = await api.call('POST', `${path}/verify`, { body: { code: wrong, preview: true } })
  assert.equal(tried.status, 200)
  assert.deepEqual((await api.call('GET', path)).json, { ...off, pending: true })
  await api.call('POST', '/v1/test/clock', { body: { advance: 'PT61S' } })
  assert.equal((await verify(codeOf(secret))).status, 200)
})

test('verified twice with one Idempotency-Key, it is one app password and the same reply', async () => {
  const secret = await enrol()
  const headers = { 'idempotency-key': `right-${address}` }
  const code = codeOf(secret)
  const [first, again] = [await verify(code, headers), await verify(code, headers)]
  assert.equal(first.status, 200)
  assert.deepEqual(again.json, first.json)
  assert.equal(refusal(await verify(code)), '409 totp_state_conflict')
})

test('previews say what would happen, and nothing does', async () => {
  const tried = await api.call('POST', path, { body: { preview: true } })
  assert.equal(textAt(tried.json, 'objects', 0, 'name'), address)
  assert.equal(at(tried.json, 'secret'), undefined)
  assert.deepEqual((await api.call('GET', path)).json, off)
  const secret = await enrol()
  const enabling = await api.call('POST', `${path}/verify`, { body: { code: codeOf(secret), preview: true } })
  assert.match(textAt(enabling.json, 'notes', 0), /does not log in to IMAP/)
  assert.equal((await verify(codeOf(secret))).status, 200, 'the preview did not use the code up')
  const disabling = await api.call('DELETE', `${path}?preview=true`)
  assert.match(textAt(disabling.json, 'notes', 0), /logs in to IMAP, POP3 and SMTP again/)
  assert.equal(at((await api.call('GET', path)).json, 'enabled'), true)
})

test('a secret of elsewhere is taken, in any grouping', async () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  assert.equal(await enrol({ secret: secret.toLowerCase().replace(/.{4}/g, '$& ') }), secret)
  assert.equal((await verify(codeOf(secret))).status, 200)
})

test('enrolling again replaces a secret that was not confirmed, and no other', async () => {
  const [first, second] = [await enrol(), await enrol()]
  assert.equal(refusal(await verify(codeOf(first))), '422 totp_code_wrong')
  assert.equal((await verify(codeOf(second))).status, 200)
  assert.equal(refusal(await api.call('POST', path)), '409 totp_state_conflict')
  assert.equal(refusal(await api.call('POST', path, { body: { preview: true } })), '409 totp_state_conflict')
})

test('turned on a second time, its app password has a name of its own', async () => {
  for (const name of ['Two-factor authentication', 'Two-factor authentication 2']) {
    const enabled = await verify(codeOf(await enrol()))
    assert.equal(textAt(enabled.json, 'app_password', 'name'), name)
    await api.call('DELETE', path)
  }
})

const refusals: [method: string, below: string, body: object | undefined, want: string][] = [
  ['POST', '', { secret: 'GEZDGNBVGY3TQOJQ' }, '422 totp_secret_invalid'],
  ['POST', '', { secret: 'not base32!' }, '422 totp_secret_invalid'],
  ['POST', '', { secret: 'A'.repeat(201) }, '400 invalid_request'],
  ['POST', '', { secrets: 'x' }, '400 invalid_request'],
  ['POST', '/verify', { code: '123456' }, '409 totp_state_conflict'],
  ['POST', '/verify', { code: '123456', preview: true }, '409 totp_state_conflict'],
  ['POST', '/verify', { code: '' }, '400 invalid_request'],
  ['POST', '/verify', {}, '400 invalid_request'],
  ['POST', '/check', { code: '1'.repeat(101) }, '400 invalid_request'],
  ['POST', '/recovery-codes', undefined, '409 totp_state_conflict'],
  ['DELETE', '', undefined, '409 totp_state_conflict'],
  ['DELETE', '?preview=true', undefined, '409 totp_state_conflict'],
]
for (const [method, below, body, want] of refusals) {
  test(`refused: ${method} totp${below} ${JSON.stringify(body)?.slice(0, 40) ?? ''}`, async () => {
    assert.equal(refusal(await api.call(method, `${path}${below}`, { body })), want)
  })
}

test('a key that may only read changes nothing', async () => {
  const key = await api.key({ access: 'read' })
  const calls: [string, string, object | undefined][] = [
    ['POST', path, undefined],
    ['POST', `${path}/verify`, { code: '123456' }],
    ['POST', `${path}/check`, { code: '123456' }],
    ['POST', `${path}/recovery-codes`, undefined],
    ['DELETE', path, undefined],
  ]
  for (const [method, where, body] of calls) {
    assert.equal(refusal(await api.call(method, where, { key, body })), '403 forbidden', `${method} ${where}`)
  }
})

test('a service that has second factors of its own is not given one here', async () => {
  const { platform } = api
  const local = engineOf(platform, 'local')
  assert.ok(local)
  const secret = await enrol()
  const capabilities = { ...local.capabilities, totp: false }
  setEngines(platform, new Map([['local', { ...local, capabilities }]]))
  try {
    assert.equal(refusal(await api.call('POST', path)), '422 totp_unsupported')
    assert.equal(refusal(await verify(codeOf(secret))), '422 totp_unsupported')
    assert.equal((await api.call('DELETE', path)).status, 204)
  } finally {
    setEngines(platform, new Map([['local', local]]))
  }
})
