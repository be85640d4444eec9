/** Renaming, aliases, the workspace's settings and previews of a mailbox's moves, by API. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
const call = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body === undefined ? {} : { body })

before(async () => {
  api = await startTestApi()
  await api.connectActiveDomain('real.example')
  await api.createMailbox('taken@demo.test')
})
after(() => api[Symbol.asyncDispose]())

/** What a preview would touch, in words. */
function touched(reply: Reply): string[] {
  assert.equal(reply.status, 200)
  assert.equal(at(reply.json, 'preview'), true)
  const objects = at(reply.json, 'objects')
  assert.ok(Array.isArray(objects))
  return objects.map(
    (one) =>
      `${textAt(one, 'action')} ${textAt(one, 'type')} ${textAt(one, 'name')}: ${textAt(one, 'state')}`,
  )
}

async function lastEvent(type: string): Promise<unknown> {
  const { data } = await api.platform.db
    .selectFrom('events')
    .select('data')
    .where('type', '=', type)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  return data
}

describe('rename', () => {
  test('preview, then done, and found by both addresses', async () => {
    await api.createMailbox('ann@demo.test')
    const path = '/v1/mailboxes/ann@demo.test/rename'
    const wanted = { address: 'Ann@real.example', alias_days: 30 }
    assert.deepEqual(touched(await call('POST', path, { ...wanted, preview: true })), [
      'rename mailbox ann@real.example: active',
      'create alias ann@demo.test: enabled',
    ])
    assert.equal(textAt((await call('GET', '/v1/mailboxes/ann@demo.test')).json, 'version'), '1')
    const renamed = await call('POST', path, wanted)
    assert.equal(renamed.status, 200)
    assert.deepEqual(
      ['address', 'domain', 'version'].map((name) => textAt(renamed.json, name)),
      ['ann@real.example', 'real.example', '2'],
    )
    assert.equal(renamed.headers.get('etag'), 'W/"2"')
    const byOld = await call('GET', '/v1/mailboxes/ann@demo.test')
    assert.equal(textAt(byOld.json, 'id'), textAt(renamed.json, 'id'))
    const credentials = await call('GET', '/v1/mailboxes/ann@real.example/credentials')
    assert.equal(textAt(credentials.json, 'username'), 'ann@real.example')
    const aliases = await call('GET', '/v1/mailboxes/ann@real.example/aliases')
    assert.equal(textAt(aliases.json, 'data', 0, 'id'), 'ann@demo.test')
    const expiry = Date.parse(textAt(aliases.json, 'data', 0, 'expires_at'))
    assert.equal(Math.round((expiry - api.platform.clock.now().getTime()) / 86_400_000), 30)
    assert.deepEqual(await lastEvent('mailbox.renamed'), {
      mailbox_id: textAt(renamed.json, 'id'),
      from: 'ann@demo.test',
      to: 'ann@real.example',
      alias_until: textAt(aliases.json, 'data', 0, 'expires_at'),
    })
  })

  test('the same call again with its key does it once', async () => {
    await api.createMailbox('once@demo.test')
    const send = () =>
      api.call('POST', '/v1/mailboxes/once@demo.test/rename', {
        body: { address: 'once2@demo.test' },
        headers: { 'idempotency-key': 'rename-once' },
      })
    const [first, second] = [await send(), await send()]
    assert.deepEqual(second.json, first.json)
  })

  test('what forwards to it follows, and the preview names it', async () => {
    await api.createMailbox('goal@demo.test')
    await api.createMailbox('sender@demo.test')
    const forwards = '/v1/domains/demo.test/forwards'
    await call('POST', forwards, { address: 'one@demo.test', targets: ['goal@demo.test', 'taken@demo.test'] })
    await call('POST', '/v1/mailboxes/goal@demo.test/aliases', { address: 'goal2@demo.test' })
    await call('POST', forwards, { address: 'two@demo.test', targets: ['goal@demo.test', 'goal2@demo.test'] })
    await call('PUT', '/v1/mailboxes/sender@demo.test/forwarding', {
      targets: ['goal@demo.test', 'goal2@demo.test'],
      keep_copy: false,
    })
    const wanted = { address: 'goal2@demo.test', alias_days: 0 }
    const path = '/v1/mailboxes/goal@demo.test/rename'
    assert.deepEqual(touched(await call('POST', path, { ...wanted, preview: true })).toSorted(), [
      'rename mailbox goal2@demo.test: active',
      'update forward one@demo.test: enabled',
      'update forward two@demo.test: enabled',
      'update mailbox sender@demo.test: active',
    ])
    assert.equal((await call('POST', path, wanted)).status, 200)
    const { json } = await call('GET', forwards)
    assert.deepEqual(
      [0, 1].map((index) => at(json, 'data', index, 'targets')),
      [['goal2@demo.test', 'taken@demo.test'], ['goal2@demo.test']],
    )
    assert.deepEqual((await call('GET', '/v1/mailboxes/sender@demo.test/forwarding')).json, {
      targets: ['goal2@demo.test'],
      keep_copy: false,
    })
    assert.deepEqual(at(await lastEvent('mailbox.forwarding_changed'), 'targets'), ['goal2@demo.test'])
  })

  const refused: [what: string, body: unknown, want: string][] = [
    ['no address', {}, '400 invalid_request'],
    ['an unknown field', { address: 'x@demo.test', alias: true }, '400 invalid_request'],
    ['days below zero', { address: 'x@demo.test', alias_days: -1 }, '400 invalid_request'],
    ['too many days', { address: 'x@demo.test', alias_days: 36_501 }, '400 invalid_request'],
    ['not an address', { address: 'x' }, '422 address_invalid'],
    ['taken', { address: 'taken@demo.test' }, '409 address_taken'],
    ['taken, in a preview', { address: 'taken@demo.test', preview: true }, '409 address_taken'],
    ['elsewhere', { address: 'x@gmail.com' }, '404 domain_not_found'],
  ]
  test('refused', async () => {
    await api.createMailbox('refused@demo.test')
    for (const [what, body, want] of refused) {
      assert.equal(refusal(await call('POST', '/v1/mailboxes/refused@demo.test/rename', body)), want, what)
    }
  })
})

describe('aliases', () => {
  const path = '/v1/mailboxes/bob@demo.test/aliases'
  before(() => api.createMailbox('bob@demo.test'))

  test('a description, and a state that is turned off and on', async () => {
    assert.deepEqual(touched(await call('POST', path, { address: 'sales@demo.test', preview: true })), [
      'create alias sales@demo.test: enabled',
    ])
    assert.deepEqual(at((await call('GET', path)).json, 'data'), [])
    const made = await call('POST', path, { address: 'sales@demo.test', description: 'The shop' })
    assert.deepEqual(
      [made.status, ...['description', 'enabled', 'expires_at'].map((name) => at(made.json, name))],
      [201, 'The shop', true, null],
    )
    const one = `${path}/sales@demo.test`
    assert.deepEqual(touched(await call('PATCH', one, { enabled: false, preview: true })), [
      'update alias sales@demo.test: disabled',
    ])
    assert.equal(at((await call('GET', path)).json, 'data', 0, 'enabled'), true)
    const off = await call('PATCH', one, { enabled: false })
    assert.deepEqual([at(off.json, 'enabled'), at(off.json, 'description')], [false, 'The shop'])
    const described = await call('PATCH', one, { description: null })
    assert.deepEqual([at(described.json, 'enabled'), at(described.json, 'description')], [false, null])
    assert.equal(at((await call('PATCH', one, { enabled: true })).json, 'enabled'), true)
    assert.deepEqual((await call('GET', path)).json, {
      data: [{ ...Object(made.json), description: null }],
      next_cursor: null,
    })
  })

  test('what is deleted can be made again from its event', async () => {
    await call('POST', path, { address: 'again@demo.test', description: 'Twice' })
    await call('PATCH', `${path}/again@demo.test`, { enabled: false })
    assert.deepEqual(touched(await call('DELETE', `${path}/again@demo.test?preview=true`)), [
      'delete alias again@demo.test: deleted',
    ])
    assert.equal((await call('DELETE', `${path}/again@demo.test`)).status, 204)
    const event = await lastEvent('address.deleted')
    assert.deepEqual(
      ['address', 'kind', 'description', 'enabled', 'expires_at'].map((name) => at(event, name)),
      ['again@demo.test', 'alias', 'Twice', false, null],
    )
    const again = await call('POST', path, {
      address: at(event, 'address'),
      description: at(event, 'description'),
    })
    assert.equal(again.status, 201)
  })

  const refused: [method: string, path: string, body: unknown, want: string][] = [
    ['PATCH', '/none@demo.test', { enabled: false }, '404 address_not_found'],
    ['PATCH', '/bob@demo.test', { enabled: false }, '404 address_not_found'],
    ['PATCH', '/sales@demo.test', {}, '400 invalid_request'],
    ['PATCH', '/sales@demo.test', { enabled: 'no' }, '400 invalid_request'],
    ['PATCH', '/sales@demo.test', { expires_at: null }, '400 invalid_request'],
    ['PATCH', '/sales@demo.test', { description: 'x'.repeat(501) }, '400 invalid_request'],
    ['POST', '', { address: 'x@demo.test', description: 'x'.repeat(501) }, '400 invalid_request'],
    ['DELETE', '/none@demo.test?preview=true', undefined, '404 address_not_found'],
  ]
  for (const [method, tail, body, want] of refused) {
    test(`${method} ${tail} ${JSON.stringify(body)?.slice(0, 40)}: ${want}`, async () =>
      assert.equal(refusal(await call(method, path + tail, body)), want))
  }

  test('nothing but a preview changes nothing', async () => {
    const reply = await call('PATCH', `${path}/sales@demo.test`, { preview: true })
    assert.deepEqual(touched(reply), ['update alias sales@demo.test: enabled'])
  })

  test('a key of one mailbox changes none of its addresses', async () => {
    const mailbox = await call('GET', '/v1/mailboxes/bob@demo.test')
    const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: textAt(mailbox.json, 'id') })
    const off = await api.call('PATCH', `${path}/sales@demo.test`, { key, body: { enabled: false } })
    assert.equal(refusal(off), '403 forbidden')
    const renamed = await api.call('POST', '/v1/mailboxes/bob@demo.test/rename', {
      key,
      body: { address: 'bobby@demo.test' },
    })
    assert.equal(refusal(renamed), '403 forbidden')
  })
})

describe('the settings of a workspace', () => {
  const path = () => `/v1/workspaces/${api.scope.workspaceId}/mailbox-settings`
  const defaults = { totp_codes_shown: false, rename_alias_days: 90, restore_days: 30 }

  test('defaults, replaced as a whole, with an event that has both', async () => {
    assert.deepEqual((await call('GET', path())).json, defaults)
    const put = await call('PUT', path(), { restore_days: 7, rename_alias_days: null })
    assert.deepEqual(put.json, { ...defaults, restore_days: 7, rename_alias_days: null })
    assert.deepEqual(await lastEvent('workspace.mailbox_settings_changed'), {
      workspace_id: api.scope.workspaceId,
      before: defaults,
      settings: put.json,
    })
    await call('PUT', path(), { restore_days: 2 })
    assert.deepEqual((await call('GET', path())).json, { ...defaults, restore_days: 2 })
  })

  test('they say how long a deleted mailbox is kept; what is deleted already keeps its day', async () => {
    await call('PUT', path(), { restore_days: 2 })
    await api.createMailbox('brief@demo.test')
    const deleted = await call('DELETE', '/v1/mailboxes/brief@demo.test')
    const days = () =>
      (Date.parse(textAt(deleted.json, 'purge_at')) - api.platform.clock.now().getTime()) / 86_400_000
    assert.equal(Math.round(days()), 2)
    await call('PUT', path(), {})
    const kept = await call('GET', '/v1/mailboxes/brief@demo.test')
    assert.equal(textAt(kept.json, 'purge_at'), textAt(deleted.json, 'purge_at'))
    await api.createMailbox('long@demo.test')
    const long = await call('DELETE', '/v1/mailboxes/long@demo.test')
    const inDays = Date.parse(textAt(long.json, 'purge_at')) - api.platform.clock.now().getTime()
    assert.equal(Math.round(inDays / 86_400_000), 30)
  })

  const refused: [body: unknown, want: string][] = [
    [{ restore_days: 0 }, '400 invalid_request'],
    [{ restore_days: 366 }, '400 invalid_request'],
    [{ restore_days: null }, '400 invalid_request'],
    [{ rename_alias_days: 36_501 }, '400 invalid_request'],
    [{ other: 1 }, '400 invalid_request'],
  ]
  for (const [body, want] of refused) {
    test(`${JSON.stringify(body)}: ${want}`, async () =>
      assert.equal(refusal(await call('PUT', path(), body)), want))
  }

  test('a key that may only read, or of one mailbox, does not set them', async () => {
    const { mailboxId } = await api.createMailbox('bound@demo.test')
    for (const wanted of [{ access: 'read' as const }, { workspaceId: api.scope.workspaceId, mailboxId }]) {
      const key = await api.key(wanted)
      assert.equal(refusal(await api.call('PUT', path(), { key, body: {} })), '403 forbidden')
    }
  })
})

describe('previews of moves', () => {
  const path = '/v1/mailboxes/carl@demo.test'
  before(() => api.createMailbox('carl@demo.test'))

  test('suspend, resume and restore say the state, and change nothing', async () => {
    const ask = async (action: string) =>
      touched(await call('POST', `${path}/${action}`, { preview: true })).join()
    const state = async () => textAt((await call('GET', path)).json, 'state')
    assert.equal(await ask('suspend'), 'suspend mailbox carl@demo.test: suspended')
    assert.equal(await state(), 'active')
    assert.equal((await call('POST', `${path}/suspend`)).status, 200)
    assert.equal(await ask('resume'), 'resume mailbox carl@demo.test: active')
    assert.equal(await state(), 'suspended')
    assert.equal((await call('DELETE', path)).status, 200)
    assert.equal(await ask('restore'), 'restore mailbox carl@demo.test: suspended')
    assert.equal(await state(), 'deletion_scheduled')
    const refusedMove = await call('POST', `${path}/resume`, { preview: true })
    assert.equal(refusal(refusedMove), '409 mailbox_state_conflict')
  })
})
