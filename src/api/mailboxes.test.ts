import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

const create = (body: object): Promise<Reply> => api.call('POST', '/v1/mailboxes', { body })

test('create, get by id and by address', async () => {
  const body = {
    address: 'Ann.Lee+x@DEMO.test',
    display_name: 'Ann Lee',
    first_name: 'Ann',
    last_name: null,
    tags: ['sales', 'eu', 'sales'],
  }
  const made = await create(body)
  assert.equal(made.status, 201)
  const id = textAt(made.json, 'id')
  assert.equal(made.headers.get('location'), `/v1/mailboxes/${id}`)
  assert.equal(made.headers.get('etag'), 'W/"1"')
  assert.equal(at(made.json, 'address'), 'ann.lee+x@demo.test')
  assert.equal(at(made.json, 'domain'), 'demo.test')
  assert.equal(at(made.json, 'state'), 'active')
  assert.deepEqual(at(made.json, 'tags'), ['sales', 'eu'])
  assert.doesNotMatch(made.text, /password/)
  for (const ref of [id, id.toUpperCase(), 'ann.lee%2Bx%40demo.test', 'ANN.LEE+x@demo.test']) {
    const got = await api.call('GET', `/v1/mailboxes/${ref}`)
    assert.deepEqual([got.status, got.json], [200, made.json], ref)
    assert.equal(got.headers.get('etag'), 'W/"1"')
  }
})

test('addresses with whatever a path must encode', async () => {
  for (const address of [
    'a/b@demo.test',
    'a%2fb@demo.test',
    'a?b#c@demo.test',
    '"a b"@demo.test',
    'jürgen@demo.test',
  ]) {
    const made = await create({ address })
    assert.equal(made.status, 201, address)
    const got = await api.call('GET', `/v1/mailboxes/${encodeURIComponent(address)}`)
    assert.deepEqual(got.json, made.json)
  }
})

const refused: [body: object, expected: string][] = [
  [{ address: 'x@nowhere.test' }, '404 domain_not_found'],
  [{ address: 'no-at' }, '422 address_invalid'],
  [{ address: `${'a'.repeat(65)}@demo.test` }, '422 address_invalid'],
  [{ address: 'x@demo.test', password: 'short' }, '422 password_too_weak'],
  [{ address: 'x@demo.test', service: 'google' }, '422 service_unavailable'],
  [{ address: 'x@demo.test', service: 'yahoo' }, '400 invalid_request'],
  [{ address: 'x@demo.test', display_name: 'x'.repeat(201) }, '400 invalid_request'],
  [{ address: 'x@demo.test', tags: Array.from({ length: 51 }, (_, n) => `t${n}`) }, '400 invalid_request'],
  [{ address: 'x@demo.test', tags: [''] }, '400 invalid_request'],
  [{ address: 'x@demo.test', preview: 'true' }, '400 invalid_request'],
  [{ address: 5 }, '400 invalid_request'],
  [{}, '400 invalid_request'],
  [{ mailboxes: [] }, '400 invalid_request'],
  [{ mailboxes: 'x' }, '400 invalid_request'],
  [{ mailboxes: [{ address: 'x@demo.test' }], tags: [] }, '400 invalid_request'],
  [{ mailboxes: Array.from({ length: 10_001 }, () => ({ address: 'x' })) }, '400 invalid_request'],
]
for (const [body, expected] of refused) {
  test(`POST ${JSON.stringify(body).slice(0, 60)}: ${expected}`, async () => {
    assert.equal(refusal(await create(body)), expected)
  })
}

test('an item of the wrong shape is pointed at', async () => {
  const reply = await create({
    mailboxes: [{ address: 'ok@demo.test' }, { address: 'x@demo.test', tag: 'x' }],
  })
  assert.equal(refusal(reply), '400 invalid_request')
  assert.deepEqual(at(reply.json, 'errors'), [{ pointer: '/mailboxes/1/tag', detail: 'is not known here' }])
  assert.equal((await api.call('GET', '/v1/mailboxes/ok@demo.test')).status, 404)
})

test('an address is taken once', async () => {
  await create({ address: 'twice@demo.test' })
  assert.equal(refusal(await create({ address: 'TWICE@demo.test' })), '409 address_taken')
})

test('edit: what is named changes, what is not stays; If-Match guards', async () => {
  await create({ address: 'edit@demo.test', display_name: 'Before', first_name: 'E', tags: ['a'] })
  const path = '/v1/mailboxes/edit@demo.test'
  const patch = (body: unknown, ifMatch?: string): Promise<Reply> =>
    api.call('PATCH', path, { body, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } })
  const first = await patch({ display_name: 'After', first_name: null }, 'W/"1"')
  assert.equal(first.status, 200)
  assert.equal(first.headers.get('etag'), 'W/"2"')
  assert.deepEqual(
    ['display_name', 'first_name', 'tags', 'version'].map((name) => at(first.json, name)),
    ['After', null, ['a'], 2],
  )
  for (const stale of ['W/"1"', '"7"', 'W/"1", W/"3"', 'nonsense']) {
    assert.equal(refusal(await patch({ tags: [] }, stale)), '412 edit_conflict', stale)
  }
  assert.equal((await patch({ tags: ['b'] }, 'W/"1", W/"2"')).status, 200)
  assert.equal((await patch({ tags: ['c'] }, '*')).status, 200)
  assert.equal((await patch({ tags: [] })).status, 200)
  assert.equal(refusal(await patch({})), '400 invalid_request')
  assert.equal(refusal(await patch({ address: 'other@demo.test' })), '400 invalid_request')
  assert.equal(
    refusal(await api.call('PATCH', '/v1/mailboxes/nope@demo.test', { body: { tags: [] } })),
    '404 mailbox_not_found',
  )
})

test('of edits at the same moment with the same If-Match, one is made', async () => {
  await create({ address: 'race@demo.test' })
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      api.call('PATCH', '/v1/mailboxes/race@demo.test', {
        body: { tags: [`t${n}`] },
        headers: { 'if-match': 'W/"1"' },
      }),
    ),
  )
  assert.equal(replies.filter(({ status }) => status === 200).length, 1)
  assert.equal(replies.filter((reply) => refusal(reply) === '412 edit_conflict').length, 29)
})

test('suspend, resume, delete, restore, purge', async () => {
  await create({ address: 'life@demo.test' })
  const path = '/v1/mailboxes/life@demo.test'
  const act = (action: string, options = {}) => api.call('POST', `${path}/${action}`, options)
  const state = (reply: Reply): unknown => [reply.status, at(reply.json, 'state')]
  assert.equal(refusal(await act('restore')), '409 mailbox_state_conflict')
  assert.deepEqual(state(await act('suspend')), [200, 'suspended'])
  assert.deepEqual(state(await act('suspend', { body: {} })), [200, 'suspended'])
  assert.deepEqual(state(await act('resume', { body: '' })), [200, 'active'])
  assert.equal(refusal(await act('resume', { body: { x: 1 } })), '400 invalid_request')
  const deleted = await api.call('DELETE', path)
  assert.deepEqual(state(deleted), [200, 'deletion_scheduled'])
  assert.ok(Date.parse(textAt(deleted.json, 'purge_at')) > Date.now())
  assert.equal(refusal(await api.call('DELETE', path)), '409 mailbox_state_conflict')
  assert.equal(refusal(await act('suspend')), '409 mailbox_state_conflict')
  assert.equal(refusal(await create({ address: 'life@demo.test' })), '409 address_taken')
  const restored = await act('restore')
  assert.deepEqual(
    [...Object.values(Object(state(restored))), at(restored.json, 'purge_at')],
    [200, 'active', null],
  )
  const purged = await api.call('DELETE', `${path}?purge=true`)
  assert.deepEqual([purged.status, purged.text], [204, ''])
  assert.equal(refusal(await api.call('GET', path)), '404 mailbox_not_found')
  assert.equal(refusal(await act('restore')), '404 mailbox_not_found')
  assert.equal((await create({ address: 'life@demo.test' })).status, 201)
})

test('credentials: shown to keys that may write, and changed', async () => {
  await create({ address: 'cred@demo.test', password: 'correct horse battery' })
  const path = '/v1/mailboxes/cred@demo.test'
  const shown = await api.call('GET', `${path}/credentials`)
  assert.equal(shown.status, 200)
  assert.equal(shown.headers.get('cache-control'), 'no-store')
  assert.deepEqual(shown.json, {
    username: 'cred@demo.test',
    password: 'correct horse battery',
    password_usable: true,
    imap: null,
    smtp: null,
    pop3: null,
  })
  const generated = await api.call('POST', `${path}/password`)
  assert.match(textAt(generated.json, 'password'), /^[\w-]{24}$/)
  assert.equal(
    at((await api.call('GET', `${path}/credentials`)).json, 'password'),
    at(generated.json, 'password'),
  )
  const chosen = await api.call('POST', `${path}/password`, { body: { password: 'another horse battery' } })
  assert.equal(at(chosen.json, 'password'), 'another horse battery')
  const weak = await api.call('POST', `${path}/password`, { body: { password: 'password1' } })
  assert.equal(refusal(weak), '422 password_too_weak')
  const key = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('GET', `${path}/credentials`, { key })), '403 forbidden')
  assert.equal(refusal(await api.call('POST', `${path}/password`, { key })), '403 forbidden')
  assert.equal((await api.call('GET', path, { key })).status, 200)
})

test('credentials name the ports that this node listens on', async () => {
  const { ports } = api.platform
  Object.assign(ports, { imap: 2143, imaps: 2993, submission: 2587 })
  await create({ address: 'ports@demo.test' })
  const shown = await api.call('GET', '/v1/mailboxes/ports@demo.test/credentials')
  Object.assign(ports, { imap: null, imaps: null, submission: null })
  assert.deepEqual(at(shown.json, 'imap'), { host: 'localhost', port: 2143, security: 'starttls' })
  assert.deepEqual(at(shown.json, 'smtp'), { host: 'localhost', port: 2587, security: 'starttls' })
  assert.equal(at(shown.json, 'pop3'), null)
})

test('list: domain, state, search, tag, and pages without gaps', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'list.test' } })
  const mailboxes = Array.from({ length: 25 }, (_, n) => ({
    address: `u${String(n).padStart(2, '0')}@list.test`,
    display_name: n === 7 ? '100%_Sure' : null,
    tags: n % 2 === 0 ? ['even'] : [],
  }))
  await create({ mailboxes })
  await api.call('POST', '/v1/mailboxes/u03@list.test/suspend')
  const addresses = async (query: string): Promise<string[]> => {
    const found: string[] = []
    let cursor: unknown = null
    do {
      const page = await api.call(
        'GET',
        `/v1/mailboxes?limit=10&${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
      )
      assert.equal(page.status, 200)
      for (let row = 0; at(page.json, 'data', row) !== undefined; row++) {
        found.push(textAt(page.json, 'data', row, 'address'))
      }
      cursor = at(page.json, 'next_cursor')
    } while (cursor !== null)
    return found
  }
  assert.deepEqual(
    (await addresses('domain=list.test')).sort(),
    mailboxes.map(({ address }) => address),
  )
  assert.equal((await addresses('domain=list.test&tag=even')).length, 13)
  assert.deepEqual(await addresses('domain=list.test&state=suspended'), ['u03@list.test'])
  assert.deepEqual(await addresses(`search=${encodeURIComponent('%_SURE')}`), ['u07@list.test'])
  assert.equal(refusal(await api.call('GET', '/v1/mailboxes?domain=nope.test')), '404 domain_not_found')
})

test('ten thousand in one call: a result for each, and the bad ones keep no one back', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'bulk.test' } })
  await api.call('POST', '/v1/domains', { body: { name: 'waiting.example' } })
  await create({ address: 'taken@bulk.test' })
  const special = new Map<number, [item: object, status: string, code?: string]>([
    [0, [{ address: 'taken@bulk.test' }, 'failed', 'address_taken']],
    [17, [{ address: 'no at' }, 'failed', 'address_invalid']],
    [18, [{ address: 'x@elsewhere.test' }, 'failed', 'domain_not_found']],
    [19, [{ address: 'U1@bulk.test' }, 'failed', 'address_repeated']],
    [20, [{ address: 'weak@bulk.test', password: 'short' }, 'failed', 'password_too_weak']],
    [21, [{ address: 'g@bulk.test', service: 'google' }, 'failed', 'service_unavailable']],
    [22, [{ address: `${'é'.repeat(900)}@bulk.test` }, 'failed', 'address_invalid']],
    [9_999, [{ address: 'w@waiting.example' }, 'pending']],
  ])
  const mailboxes = Array.from(
    { length: 10_000 },
    (_, n) => special.get(n)?.[0] ?? { address: `u${n}@bulk.test` },
  )
  const reply = await create({ mailboxes })
  assert.equal(reply.status, 200)
  const data = at(reply.json, 'data')
  assert.ok(Array.isArray(data))
  assert.equal(data.length, 10_000)
  for (const [index, result] of data.entries()) {
    const [item, status, code] = special.get(index) ?? [mailboxes[index], 'created']
    assert.equal(at(result, 'index'), index)
    assert.equal(at(result, 'status'), status, JSON.stringify(item))
    if (code === undefined) assert.equal(at(result, 'mailbox', 'address'), at(item, 'address'))
    else assert.equal(at(result, 'problem', 'code'), code)
  }
  const batch = await api.call('GET', `/v1/batches/${textAt(reply.json, 'batch_id')}`)
  assert.deepEqual(
    ['requested', 'created', 'pending', 'failed'].map((name) => at(batch.json, name)),
    [10_000, 9_992, 1, 7],
  )
  const one = await api.call('GET', '/v1/mailboxes/u5000@bulk.test')
  assert.equal(at(one.json, 'batch_id'), at(reply.json, 'batch_id'))
  assert.equal(refusal(await api.call('GET', '/v1/batches/x')), '404 batch_not_found')
})

test('a key that may only read changes nothing', async () => {
  const key = await api.key({ access: 'read' })
  await create({ address: 'ro@demo.test' })
  const path = '/v1/mailboxes/ro@demo.test'
  const rows: [string, string, object?][] = [
    ['POST', '/v1/mailboxes', { address: 'n@demo.test' }],
    ['POST', '/v1/mailboxes', { mailboxes: [{ address: 'n@demo.test' }] }],
    ['POST', '/v1/mailboxes', { address: 'n@demo.test', preview: true }],
    ['PATCH', path, { tags: [] }],
    ['DELETE', path],
    ['DELETE', `${path}?preview=true`],
    ['POST', `${path}/suspend`],
    ['POST', `${path}/resume`],
    ['POST', `${path}/restore`],
  ]
  for (const [method, target, body] of rows) {
    assert.equal(
      refusal(await api.call(method, target, { key, body })),
      '403 forbidden',
      `${method} ${target}`,
    )
  }
})
