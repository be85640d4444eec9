/** The customers' own DNS records over the API. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { dkimKeysOf } from '../domains/dkim-keys.ts'
import { zoneContent } from '../domains/zones/content.ts'
import { recordPolicy } from '../domains/zones/record-policy.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'

let api: TestApi
const path = '/v1/domains/zone.example/records'
before(async () => {
  api = await startTestApi({
    environment: { MAILWRIGHT_HOSTNAME: 'mx.ours.example', MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.80' },
  })
  for (const name of ['zone.example', 'manual.example', 'full.example', 'web.example']) {
    await api.call('POST', '/v1/domains', { body: { name } })
  }
  await runJobs(api.platform)
  await api.platform.db
    .updateTable('domains')
    .set({ dns_mode: 'served' })
    .where('name', '<>', 'manual.example')
    .execute()
})
after(() => api[Symbol.asyncDispose]())

const add = (body: object, to = path) => api.call('POST', to, { body })
const serial = async () =>
  (
    await api.platform.db
      .selectFrom('domains')
      .select('zone_serial')
      .where('name', '=', 'zone.example')
      .executeTakeFirstOrThrow()
  ).zone_serial

test('a record is added, listed, changed and deleted, each with an event and a new serial', async () => {
  const first = await serial()
  const made = await add({ name: 'Shop', type: 'MX', value: '10 Mail.Other.example.', ttl: 600 })
  assert.equal(made.status, 201, made.text)
  const id = textAt(made.json, 'id')
  assert.deepEqual(
    [at(made.json, 'name'), at(made.json, 'value'), at(made.json, 'ttl'), at(made.json, 'managed')],
    ['shop.zone.example', '10 mail.other.example', 600, false],
  )
  assert.ok((await serial()) > first)
  const listed = await api.call('GET', `${path}?name=shop&type=MX`)
  assert.deepEqual(at(listed.json, 'data'), [made.json])
  const changed = await api.call('PATCH', `${path}/${id}`, { body: { ttl: 300 } })
  assert.deepEqual([at(changed.json, 'ttl'), at(changed.json, 'name')], [300, 'shop.zone.example'])
  const renamed = await api.call('PATCH', `${path}/${id}`, { body: { name: '@', preview: true } })
  assert.equal(refusal(renamed), '409 zone_record_protected')
  assert.equal((await api.call('DELETE', `${path}/${id}`)).status, 204)
  assert.equal(refusal(await api.call('DELETE', `${path}/${id}`)), '404 zone_record_not_found')
  assert.equal(
    refusal(await api.call('PATCH', `${path}/nonsense`, { body: {} })),
    '404 zone_record_not_found',
  )
  const events = await api.platform.db
    .selectFrom('events')
    .select('type')
    .where('type', 'like', 'zone_record.%')
    .orderBy('id')
    .execute()
  assert.deepEqual(
    events.map(({ type }) => type),
    ['zone_record.created', 'zone_record.updated', 'zone_record.deleted'],
  )
})

test('previews say what would change, and change nothing', async () => {
  const before = await serial()
  const preview = await add({ name: 'p', type: 'A', value: '192.0.2.1', preview: true })
  assert.deepEqual(
    [preview.status, at(preview.json, 'dns_changes')],
    [200, [{ action: 'add', name: 'p.zone.example', type: 'A', value: '192.0.2.1' }]],
  )
  const id = textAt((await add({ name: 'q', type: 'A', value: '192.0.2.1' })).json, 'id')
  const after = await serial()
  assert.ok(after > before)
  const changing = await api.call('PATCH', `${path}/${id}`, { body: { value: '192.0.2.2', preview: true } })
  assert.deepEqual(
    Object(changing.json).dns_changes.map((one: unknown) => `${at(one, 'action')} ${at(one, 'value')}`),
    ['remove 192.0.2.1', 'add 192.0.2.2'],
  )
  const deleting = await api.call('DELETE', `${path}/${id}?preview=true`)
  assert.equal(at(deleting.json, 'dns_changes', 0, 'action'), 'remove')
  assert.equal(await serial(), after)
  assert.equal((await api.call('DELETE', `${path}/${id}`)).status, 204)
})

test('the platform’s own records are listed first, cannot be changed, and are left out on request', async () => {
  await add({ name: 'a', type: 'A', value: '192.0.2.1' })
  await add({ name: 'b', type: 'A', value: '192.0.2.1' })
  const all = await api.call('GET', `${path}?limit=1`)
  const rows: unknown[] = Object(all.json).data
  const managed = rows.filter((row) => at(row, 'managed') === true)
  assert.ok(managed.some((row) => at(row, 'type') === 'MX' && at(row, 'value') === '10 mx.ours.example'))
  assert.ok(managed.every((row) => at(row, 'id') === null))
  assert.equal(rows.length, managed.length + 1)
  const rest = await api.call('GET', `${path}?limit=1&cursor=${textAt(all.json, 'next_cursor')}`)
  assert.deepEqual(
    Object(rest.json).data.map((row: unknown) => at(row, 'name')),
    ['b.zone.example'],
  )
  const own = await api.call('GET', `${path}?managed=false`)
  assert.ok(Object(own.json).data.every((row: unknown) => at(row, 'managed') === false))
  const theirs = await api.call('GET', `${path}?managed=true&type=MX`)
  assert.deepEqual(
    Object(theirs.json).data.map((row: unknown) => at(row, 'value')),
    ['10 mx.ours.example'],
  )
  assert.deepEqual(at((await api.call('GET', `${path}?name=none`)).json, 'data'), [])
})

test('the platform’s own records are listed with the TTL that its name servers answer', async () => {
  await api.platform.db
    .updateTable('domains')
    .set({ redirect_url: 'https://other.example/' })
    .where('name', '=', 'web.example')
    .execute()
  const own = await api.call('GET', '/v1/domains/web.example/records?managed=true')
  const listed = Object(own.json).data.map((row: unknown) => ({
    name: textAt(row, 'name'),
    type: textAt(row, 'type'),
    ttl: at(row, 'ttl'),
  }))
  assert.ok(listed.some(({ type, ttl }: { type: string; ttl: unknown }) => type === 'A' && ttl === 300))
  const domain = await api.platform.db
    .selectFrom('domains')
    .selectAll()
    .where('name', '=', 'web.example')
    .executeTakeFirstOrThrow()
  const keys = await dkimKeysOf(api.platform.db, domain.id)
  const { rrsets } = zoneContent(api.platform.config, domain, keys, [])
  for (const { name, type, ttl } of listed) {
    assert.equal(ttl, rrsets.find((set) => set.name === name && set.type === type)?.ttl, `${type} ${name}`)
  }
})

const refused: [what: string, body: object, want: string][] = [
  ['a value of another type', { name: 'x', type: 'A', value: 'x' }, '422 zone_record_invalid'],
  [
    'a name elsewhere',
    { name: 'x.other.example.', type: 'A', value: '192.0.2.1' },
    '422 zone_record_invalid',
  ],
  ['a CNAME at the apex', { name: '@', type: 'CNAME', value: 'a.example' }, '422 zone_record_invalid'],
  ['NS at the apex', { name: '@', type: 'NS', value: 'a.example' }, '422 zone_record_invalid'],
  ['a type that there is not', { name: 'x', type: 'HTTPS', value: '1 .' }, '400 invalid_request'],
  ['a TTL that is too short', { name: 'x', type: 'A', value: '192.0.2.1', ttl: 59 }, '400 invalid_request'],
  ['the platform’s MX', { name: '@', type: 'MX', value: '5 a.example' }, '409 zone_record_protected'],
  ['a second SPF record', { name: '@', type: 'TXT', value: 'v=spf1 -all' }, '409 zone_record_protected'],
  [
    'the DMARC record',
    { name: '_dmarc', type: 'TXT', value: 'v=DMARC1; p=none' },
    '409 zone_record_protected',
  ],
  ['a DKIM key', { name: 'mwr1._domainkey', type: 'TXT', value: 'x' }, '409 zone_record_protected'],
  [
    'a key to come',
    { name: 'mwr7._domainkey', type: 'CNAME', value: 'a.example' },
    '409 zone_record_protected',
  ],
  [
    'a CNAME over a record of ours',
    { name: '_mailwright', type: 'CNAME', value: 'a.example' },
    '409 zone_record_protected',
  ],
  [
    'a delegation above ours',
    { name: '_domainkey', type: 'NS', value: 'a.example' },
    '409 zone_record_protected',
  ],
]
for (const [what, body, want] of refused) {
  test(`refused: ${what}`, async () => {
    const made = await add(body)
    assert.equal(refusal(made), want, made.text)
  })
}

test('what may stand beside the platform’s own', async () => {
  for (const body of [
    { name: '@', type: 'TXT', value: 'site-verification=1' },
    { name: '@', type: 'A', value: '192.0.2.1' },
    { name: 'other._domainkey', type: 'TXT', value: 'v=DKIM1; p=abc' },
    { name: '@', type: 'CAA', value: '0 issue "ca.example"' },
  ]) {
    assert.equal((await add(body)).status, 201, JSON.stringify(body))
  }
})

test('a CNAME is alone at its name, and no record is there twice', async () => {
  assert.equal((await add({ name: 'one', type: 'CNAME', value: 'a.example' })).status, 201)
  assert.equal(refusal(await add({ name: 'one', type: 'TXT', value: 'x' })), '409 zone_record_conflict')
  assert.equal(
    refusal(await add({ name: 'one', type: 'CNAME', value: 'b.example' })),
    '409 zone_record_conflict',
  )
  const text = await add({ name: 'two', type: 'TXT', value: 'x' })
  assert.equal(
    refusal(await add({ name: 'two', type: 'CNAME', value: 'a.example' })),
    '409 zone_record_conflict',
  )
  assert.equal(refusal(await add({ name: 'two', type: 'TXT', value: '"x"' })), '409 zone_record_conflict')
  const moved = await api.call('PATCH', `${path}/${textAt(text.json, 'id')}`, { body: { name: 'one' } })
  assert.equal(refusal(moved), '409 zone_record_conflict')
})

test('a domain has so many records, and a set so many values and bytes', async () => {
  const full = '/v1/domains/full.example/records'
  const { recordsPerDomainMax, txtBytesMax, bytesPerSetMax } = recordPolicy
  for (let index = 0; index < bytesPerSetMax / txtBytesMax; index++) {
    const value = String(index).repeat(txtBytesMax).slice(0, txtBytesMax)
    assert.equal((await add({ name: 'big', type: 'TXT', value }, full)).status, 201)
  }
  const more = { name: 'big', type: 'TXT', value: 'one more' }
  assert.equal(refusal(await add(more, full)), '409 zone_record_limit_reached')
  await api.platform.pool.query(
    `insert into zone_records (id, workspace_id, domain_id, name, type, ttl, value, created_at, updated_at)
     select gen_random_uuid(), workspace_id, id, 'n' || n || '.full.example', 'A', 300, '192.0.2.1', now(), now()
     from domains, generate_series(1, $1::int) n where name = 'full.example'`,
    [recordsPerDomainMax],
  )
  const last = { name: 'last', type: 'A', value: '192.0.2.1' }
  assert.equal(refusal(await add(last, full)), '409 zone_record_limit_reached')
})

test('a domain whose DNS is in its owner’s hands has no records here', async () => {
  const manual = '/v1/domains/manual.example/records'
  const made = await add({ name: 'x', type: 'A', value: '192.0.2.1' }, manual)
  assert.equal(refusal(made), '409 domain_dns_manual')
  assert.deepEqual((await api.call('GET', manual)).json, { data: [], next_cursor: null })
})

test('an idempotency key adds a record once', async () => {
  const call = () =>
    api.call('POST', path, {
      body: { name: 'once', type: 'A', value: '192.0.2.1' },
      headers: { 'idempotency-key': 'record-1' },
    })
  const [one, two] = [await call(), await call()]
  assert.equal(textAt(one.json, 'id'), textAt(two.json, 'id'))
})

test('another tenant sees and changes nothing', async () => {
  const id = textAt((await add({ name: 'mine', type: 'A', value: '192.0.2.1' })).json, 'id')
  const { key } = await api.tenant()
  const strange = (method: string, where: string, body?: object) => api.call(method, where, { key, body })
  assert.equal(refusal(await strange('GET', path)), '404 domain_not_found')
  assert.equal(refusal(await strange('DELETE', `${path}/${id}`)), '404 domain_not_found')
  assert.equal(refusal(await strange('PATCH', `${path}/${id}`, { ttl: 60 })), '404 domain_not_found')
  // Nor through a domain of one's own.
  await strange('POST', '/v1/domains', { name: 'strange.example' })
  await api.platform.db
    .updateTable('domains')
    .set({ dns_mode: 'served' })
    .where('name', '=', 'strange.example')
    .execute()
  const own = `/v1/domains/strange.example/records/${id}`
  assert.equal(refusal(await strange('PATCH', own, { ttl: 60 })), '404 zone_record_not_found')
  assert.equal(refusal(await strange('DELETE', own)), '404 zone_record_not_found')
  const reader = await api.key({ access: 'read' })
  const read = await api.call('DELETE', `${path}/${id}`, { key: reader })
  assert.equal(refusal(read), '403 forbidden')
})
