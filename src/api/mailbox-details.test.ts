import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

const create = (body: object): Promise<Reply> => api.call('POST', '/v1/mailboxes', { body })
const patch = (address: string, body: object, key?: string): Promise<Reply> =>
  api.call('PATCH', `/v1/mailboxes/${address}`, { body, ...(key === undefined ? {} : { key }) })
const names = ['notes', 'signature', 'custom_fields', 'recovery', 'picture', 'period', 'next_period'] as const
const detailsOf = (json: unknown): unknown[] => names.map((name) => at(json, name))

const full = {
  notes: 'Calls on Mondays.\nSecond line: "quoted", ünicode 😀',
  signature: { text: 'Ann\n-- \nDemo', html: '<p onclick="x()">Ann</p>' },
  custom_fields: { crm_id: '42', constructor: 'x', '0': '' },
  recovery: { email: 'Ann@Example.org', phone: '+4930123456' },
}
const shown = { ...full, recovery: { email: 'ann@example.org', phone: '+4930123456' } }

test('a mailbox has no details unless they are given', async () => {
  const made = await create({ address: 'plain@demo.test' })
  assert.deepEqual(detailsOf(made.json), [null, null, {}, null, null, 'monthly', null])
  assert.deepEqual((await api.call('GET', '/v1/mailboxes/plain@demo.test')).json, made.json)
  const cleared = { notes: null, signature: null, custom_fields: null, recovery: null }
  assert.deepEqual(
    detailsOf((await create({ address: 'null@demo.test', ...cleared })).json),
    detailsOf(made.json),
  )
})

test('one mailbox and many are made with their details', async () => {
  const one = await create({ address: 'full@demo.test', ...full, period: 'yearly' })
  assert.equal(one.status, 201)
  const { notes, signature, custom_fields, recovery } = shown
  const wanted = [notes, signature, custom_fields, recovery, null, 'yearly', null]
  assert.deepEqual(detailsOf(one.json), wanted)
  assert.deepEqual(detailsOf((await api.call('GET', '/v1/mailboxes/full@demo.test')).json), wanted)
  const many = await create({
    mailboxes: [
      { address: 'many1@demo.test', ...full },
      { address: 'many2@demo.test', recovery: { email: 'many2@demo.test' } },
      { address: 'many3@demo.test', signature: { text: 'x' }, period: 'yearly' },
      { address: 'many4@demo.test' },
    ],
  })
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => at(many.json, 'data', n, 'status')),
    ['created', 'failed', 'created', 'created'],
  )
  assert.equal(at(many.json, 'data', 1, 'problem', 'code'), 'mailbox_details_invalid')
  assert.equal(at(many.json, 'data', 1, 'problem', 'errors', 0, 'pointer'), '/recovery/email')
  for (const n of [0, 2, 3]) {
    const row = at(many.json, 'data', n, 'mailbox')
    const got = await api.call('GET', `/v1/mailboxes/${textAt(row, 'address')}`)
    assert.deepEqual(got.json, row)
  }
  assert.deepEqual(at(many.json, 'data', 2, 'mailbox', 'signature'), { text: 'x', html: null })
})

const refused: [body: object, expected: string, pointer: string][] = [
  [{ notes: 'x'.repeat(10_001) }, '400 invalid_request', '/notes'],
  [{ notes: 5 }, '400 invalid_request', '/notes'],
  [{ signature: 'x' }, '400 invalid_request', '/signature'],
  [{ signature: { text: 'x', markdown: 'x' } }, '400 invalid_request', '/signature/markdown'],
  [{ signature: { html: 'x'.repeat(20_001) } }, '400 invalid_request', '/signature/html'],
  [{ custom_fields: [] }, '400 invalid_request', '/custom_fields'],
  [{ custom_fields: { a: 1 } }, '400 invalid_request', '/custom_fields/a'],
  [{ custom_fields: { a: { b: 'x' } } }, '400 invalid_request', '/custom_fields/a'],
  [{ custom_fields: { a: 'x'.repeat(1001) } }, '400 invalid_request', '/custom_fields/a'],
  [{ custom_fields: { 'crm id': 'x' } }, '422 mailbox_details_invalid', '/custom_fields'],
  [{ custom_fields: JSON.parse('{"__proto__": "x"}') }, '422 mailbox_details_invalid', '/custom_fields'],
  [{ recovery: { email: 'nobody' } }, '422 mailbox_details_invalid', '/recovery/email'],
  [{ recovery: { email: 'bad@demo.test' } }, '422 mailbox_details_invalid', '/recovery/email'],
  [{ recovery: { phone: '030 1' } }, '422 mailbox_details_invalid', '/recovery/phone'],
  [{ recovery: { fax: '1' } }, '400 invalid_request', '/recovery/fax'],
  [{ period: 'weekly' }, '400 invalid_request', '/period'],
  [{ period: null }, '400 invalid_request', '/period'],
]
for (const [body, expected, pointer] of refused) {
  test(`POST and PATCH ${JSON.stringify(body).slice(0, 60)}: ${expected}`, async () => {
    await create({ address: 'bad@demo.test' })
    for (const reply of [
      await create({ address: 'bad@demo.test', ...body }),
      await patch('bad@demo.test', body),
    ]) {
      assert.equal(refusal(reply), expected)
      assert.equal(textAt(reply.json, 'errors', 0, 'pointer'), pointer)
    }
    assert.equal(at((await api.call('GET', '/v1/mailboxes/bad@demo.test')).json, 'version'), 1)
  })
}

test('an edit changes what it names', async () => {
  await create({ address: 'edit@demo.test', first_name: 'Ed', tags: ['a'], ...full })
  const edited = await patch('edit@demo.test', {
    signature: { html: null },
    custom_fields: { crm_id: '43', constructor: null, city: 'Berlin' },
    recovery: { phone: null },
  })
  assert.equal(edited.status, 200)
  const { json } = await api.call('GET', '/v1/mailboxes/edit@demo.test')
  assert.deepEqual(json, edited.json)
  assert.deepEqual(detailsOf(json).slice(0, 4), [
    full.notes,
    { text: full.signature.text, html: null },
    { '0': '', crm_id: '43', city: 'Berlin' },
    { email: 'ann@example.org', phone: null },
  ])
  assert.deepEqual([at(json, 'first_name'), at(json, 'tags'), at(json, 'version')], ['Ed', ['a'], 2])
  const cleared = await patch('edit@demo.test', {
    notes: null,
    signature: null,
    custom_fields: null,
    recovery: null,
  })
  assert.deepEqual(detailsOf(cleared.json).slice(0, 4), [null, null, {}, null])
})

test('a preview of an edit says what it touches, and does nothing', async () => {
  const made = await create({ address: 'look@demo.test' })
  const preview = await patch('look@demo.test', { notes: 'x', period: 'yearly', preview: true })
  assert.equal(at(preview.json, 'preview'), true)
  assert.equal(textAt(preview.json, 'objects', 0, 'action'), 'update')
  assert.deepEqual((await api.call('GET', '/v1/mailboxes/look@demo.test')).json, made.json)
  const bad = await patch('look@demo.test', { recovery: { email: 'look@demo.test' }, preview: true })
  assert.equal(refusal(bad), '422 mailbox_details_invalid')
})

test('an alias of the mailbox is no way back into it', async () => {
  await create({ address: 'way@demo.test' })
  await api.call('POST', '/v1/mailboxes/way@demo.test/aliases', { body: { address: 'back@demo.test' } })
  const reply = await patch('way@demo.test', { recovery: { email: 'back@demo.test' } })
  assert.equal(refusal(reply), '422 mailbox_details_invalid')
  assert.equal((await patch('way@demo.test', { recovery: { email: 'full@demo.test' } })).status, 200)
})

for (const [index, email] of ['new0@demo.test', 'new1+me@demo.test'].entries()) {
  test(`with the recovery address ${email} neither an alias nor a rename may lead back into the mailbox`, async () => {
    const address = `lost${index}@demo.test`
    await create({ address, recovery: { email } })
    const wanted = `new${index}@demo.test`
    for (const call of ['aliases', 'rename']) {
      for (const preview of [true, false]) {
        const body = { address: wanted, preview }
        const reply = await api.call('POST', `/v1/mailboxes/${address}/${call}`, { body })
        assert.equal(refusal(reply), '422 mailbox_details_invalid', call)
        assert.equal(textAt(reply.json, 'errors', 0, 'pointer'), '/address')
      }
    }
    await patch(address, { recovery: null })
    assert.equal(
      (await api.call('POST', `/v1/mailboxes/${address}/rename`, { body: { address: wanted } })).status,
      200,
    )
    for (const own of [address, address.replace('@', '+x@')])
      assert.equal(
        refusal(await patch(wanted, { recovery: { email: own } })),
        '422 mailbox_details_invalid',
        own,
      )
  })
}

test('the list finds mailboxes by a custom field and by its value', async () => {
  const make = (n: number, custom_fields: object) => create({ address: `list${n}@demo.test`, custom_fields })
  await make(1, { team: 'north', a: 'x:y' })
  await make(2, { team: 'North' })
  await make(3, { team: 'north', region: 'Südost' })
  const found = async (query: string): Promise<unknown> => {
    const { json } = await api.call('GET', `/v1/mailboxes?${query}`)
    const rows = at(json, 'data')
    return Array.isArray(rows) ? rows.map((row) => textAt(row, 'address').replace('@demo.test', '')) : json
  }
  assert.deepEqual(await found('field=team:north'), ['list1', 'list3'])
  assert.deepEqual(await found('field=a:x:y'), ['list1'])
  assert.deepEqual(await found('field=team:nor'), [])
  assert.deepEqual(await found('field=team:'), [])
  assert.deepEqual(await found(`field=${encodeURIComponent('team:"north\\')}`), [])
  assert.deepEqual(await found(`search=${encodeURIComponent('SÜDO')}`), ['list3'])
  await patch('list3@demo.test', { custom_fields: { region: null, team: 'south' } })
  assert.deepEqual(await found(`search=${encodeURIComponent('südo')}`), [])
  assert.deepEqual(await found('field=team:south&search=list3'), ['list3'])
  for (const bad of ['team', ':x', 'Team:x', '__proto__:x', `a:${'x'.repeat(1100)}`]) {
    const reply = await api.call('GET', `/v1/mailboxes?field=${encodeURIComponent(bad)}`)
    assert.equal(refusal(reply), '400 invalid_request', bad)
  }
})

test('a key that is bound to the mailbox sees and changes no notes, and no period', async () => {
  const made = await create({ address: 'own@demo.test', ...full })
  const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: textAt(made.json, 'id') })
  const one = await api.call('GET', '/v1/mailboxes/own@demo.test', { key })
  const list = await api.call('GET', '/v1/mailboxes', { key })
  const edited = await patch('own@demo.test', { signature: { text: 'mine' } }, key)
  for (const json of [one.json, at(list.json, 'data', 0), edited.json]) {
    assert.equal(at(json, 'address'), 'own@demo.test')
    assert.equal(at(json, 'notes'), null)
  }
  for (const body of [{ notes: 'x' }, { period: 'yearly' }])
    assert.equal(refusal(await patch('own@demo.test', body, key)), '403 forbidden')
  assert.equal(
    at((await api.call('GET', '/v1/mailboxes?search=mondays', { key })).json, 'data', 0),
    undefined,
  )
  assert.equal(at((await api.call('GET', '/v1/mailboxes/own@demo.test')).json, 'notes'), full.notes)
})

test('a purge leaves nothing of a person', async () => {
  const made = await create({ address: 'gone@demo.test', display_name: 'Gone Person', ...full })
  const id = textAt(made.json, 'id')
  await api.call('DELETE', `/v1/mailboxes/${id}?purge=true`)
  await purgeMailbox(api.platform, id)
  const { rows } = await sql<{ text: string }>`
    select to_jsonb(mailboxes)::text as text from mailboxes where id = ${id}`.execute(api.platform.db)
  assert.doesNotMatch(
    rows[0]?.text ?? 'no row',
    /Mondays|onclick|crm_id|ann@example|4930123456|person|no row/i,
  )
})
