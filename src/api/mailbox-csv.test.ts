/** CSV by API: files in, whole or not at all, and mailboxes out, as a stream. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { exportMailboxes } from '../mailboxes/csv-export.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_LOG_LEVEL: 'silent' } }) // one export is made to fail
  await api.call('POST', '/v1/domains', { body: { name: 'slow.example' } })
})
after(() => api[Symbol.asyncDispose]())

const csv = { 'content-type': 'text/csv; charset=utf-8' }
const importFile = (body: string, query = '', headers: Record<string, string> = {}): Promise<Reply> =>
  api.call('POST', `/v1/mailboxes/import${query}`, { body, headers: { ...csv, ...headers } })

async function exportFile(query = '', key = api.apiKey): Promise<string[]> {
  const reply = await api.call('GET', `/v1/mailboxes/export${query}`, { key })
  assert.equal(reply.status, 200, reply.text)
  return reply.text.trimEnd().split('\r\n')
}

async function countOf(prefix: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from mailboxes where address like ${`${prefix}%`}`.execute(api.platform.db)
  return rows[0]?.count ?? -1
}

const mixed = [
  'address;display_name;password;tags',
  'm1@demo.test;"Lee; Ann";a password of 5 words;sales; eu',
  'm2@demo.test;Bob;short;',
  'm3@nowhere.test;;;',
  'm4@demo.test;"x" y;;',
  'm5@demo.test',
  'm1@demo.test;;;',
  'm6@slow.example;;;',
]
  .join('\r\n')
  .replace('sales; eu', '"sales; eu"')

test('nothing is made of a file with a bad line, and the refusal names each', async () => {
  const reply = await importFile(mixed)
  assert.equal(refusal(reply), '422 csv_invalid')
  const errors = [at(reply.json, 'errors')].flat()
  assert.deepEqual(
    errors.map((one) => at(one, 'pointer')),
    ['/3/password', '/4/address', '/5', '/6', '/7/address'],
  )
  assert.match(
    textAt(reply.json, 'detail'),
    /^Line 3: password: .+ Line 4: address: nowhere\.test is not connected\./,
  )
  assert.equal(await countOf('m'), 0)
})

test('a preview says what would be made and names every bad line, also what only the core finds', async () => {
  const { status, json } = await importFile(mixed, '?preview=true')
  assert.equal(status, 200)
  assert.deepEqual(
    [at(json, 'objects')].flat().map((one) => `${at(one, 'name')} ${at(one, 'state')}`),
    ['m1@demo.test active', 'm6@slow.example waiting_domain'],
  )
  assert.deepEqual(
    [at(json, 'problems')]
      .flat()
      .map((one) => [at(one, 'line'), at(one, 'column'), at(one, 'problem', 'code')]),
    [
      [3, 'password', 'password_too_weak'],
      [4, 'address', 'domain_not_found'],
      [5, undefined, 'csv_invalid'],
      [6, undefined, 'csv_invalid'],
      [7, 'address', 'address_repeated'],
    ],
  )
  assert.equal(await countOf('m'), 0)
})

test('with skip_invalid the good lines are made, as a batch that keeps the bad ones', async () => {
  const { status, json } = await importFile(mixed, '?skip_invalid=true')
  assert.equal(status, 200)
  assert.deepEqual(
    [at(json, 'data')].flat().map((one) => `${at(one, 'line')} ${at(one, 'status')}`),
    ['2 created', '3 failed', '4 failed', '5 failed', '6 failed', '7 failed', '8 pending'],
  )
  const mailbox = await api.call('GET', '/v1/mailboxes/m1@demo.test')
  assert.deepEqual(
    [at(mailbox.json, 'display_name'), at(mailbox.json, 'tags')],
    ['Lee; Ann', ['sales', 'eu']],
  )
  const { json: batch } = await api.call('GET', `/v1/batches/${at(json, 'batch_id')}`)
  assert.deepEqual(
    ['requested', 'created', 'pending', 'failed'].map((name) => at(batch, name)),
    [7, 1, 1, 5],
  )
  const items = await api.call('GET', `/v1/batches/${at(json, 'batch_id')}/items`)
  assert.equal(textAt(items.json, 'data', 1, 'address'), 'm2@demo.test')
  assert.equal(textAt(items.json, 'data', 3, 'problem', 'code'), 'csv_invalid')
})

test('an address with a NUL character is a bad line, and kept as one', async () => {
  const file = 'address\nnul\0l@demo.test\nnul2@demo.test\n'
  assert.equal(refusal(await importFile(file)), '422 csv_invalid')
  const { status, json } = await importFile(file, '?skip_invalid=true')
  assert.equal(status, 200)
  const items = await api.call('GET', `/v1/batches/${at(json, 'batch_id')}/items`)
  assert.deepEqual(
    [0, 1].map((n) => [at(items.json, 'data', n, 'address'), at(items.json, 'data', n, 'status')]),
    [
      ['nul\ufffdl@demo.test', 'failed'],
      ['nul2@demo.test', 'created'],
    ],
  )
})

test('a limit and a taken address are bad lines too, in two columns as in one', async () => {
  await api.call('PUT', '/v1/mailbox-limits', {
    body: {
      per: 'domain',
      domain_id: at((await api.call('GET', '/v1/domains/slow.example')).json, 'id'),
      mailboxes_max: 2,
    },
  })
  const file = 'local_part,domain\nm6,slow.example\nm7,slow.example\nm8,slow.example\nm9,nowhere.test\n'
  const { json } = await importFile(file, '?preview=true')
  assert.deepEqual(
    [at(json, 'problems')]
      .flat()
      .map((one) => [at(one, 'line'), at(one, 'column'), at(one, 'problem', 'code')]),
    [
      [2, 'local_part', 'address_taken'],
      [4, undefined, 'mailbox_limit_reached'],
      [5, 'domain', 'domain_not_found'],
    ],
  )
})

test('the same file with the same key is made once', async () => {
  const file = 'address\nonce1@demo.test\nonce2@demo.test\n'
  const headers = { 'idempotency-key': 'a-file' }
  const first = await importFile(file, '', headers)
  const again = await importFile(file, '', headers)
  assert.equal(first.status, 200)
  assert.deepEqual([again.headers.get('idempotency-replayed'), again.json], ['true', first.json])
  assert.equal(refusal(await importFile(`${file}x@demo.test\n`, '', headers)), '409 idempotency_key_reused')
})

test('10,000 lines are taken, one more is not, and neither is what is too large or no CSV', async () => {
  const lines = Array.from({ length: 10_000 }, (_, n) => `many${n}@demo.test`)
  const made = await importFile(`address\n${lines.join('\n')}`)
  assert.equal(made.status, 200)
  assert.equal(await countOf('many'), 10_000)
  for (const [reply, want] of [
    [await importFile(`address\n${lines.join('\n')}\nx@demo.test`), '422 csv_invalid'],
    [await importFile(`address\n${'x'.repeat(10 * 1024 ** 2)}`), '413 payload_too_large'],
    [await importFile('colour\nred'), '422 csv_invalid'],
    [await importFile(''), '422 csv_invalid'],
    [
      await importFile('{"address": "x@demo.test"}', '', { 'content-type': 'application/json' }),
      '415 unsupported_media_type',
    ],
    [await importFile('address\nx@demo.test', '?preview=perhaps'), '400 invalid_request'],
  ] as const) {
    assert.equal(refusal(reply), want)
  }
  const latin1 = await fetch(`${api.base}/v1/mailboxes/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.apiKey}`, 'content-type': 'text/csv' },
    body: Buffer.from('address,display_name\nx@demo.test,J\u00fcrgen', 'latin1'),
  })
  assert.equal(latin1.status, 422)
  const reader = await api.key({ access: 'read' })
  const read = await api.call('POST', '/v1/mailboxes/import', {
    body: 'address\nx@demo.test',
    headers: csv,
    key: reader,
  })
  assert.equal(refusal(read), '403 forbidden')
})

test('an export has what the filters select, in pages and without a gap', async () => {
  const all = await exportFile('?search=many')
  assert.equal(all[0], 'address,display_name,first_name,last_name,tags,service,state,created_at')
  assert.equal(all.length, 10_001)
  assert.equal(new Set(all).size, 10_001)
  assert.deepEqual(
    (await exportFile('?domain=slow.example')).map((line) => line.split(',').slice(0, 7).join()),
    [
      'address,display_name,first_name,last_name,tags,service,state',
      'm6@slow.example,,,,,local,waiting_domain',
    ],
  )
  assert.equal((await exportFile('?tag=eu')).length, 2)
  await api.call('PATCH', '/v1/mailboxes/m1@demo.test', { body: { custom_fields: { crm_id: '42' } } })
  assert.deepEqual(
    (await exportFile('?field=crm_id:42')).map((line) => line.split(',')[0]),
    ['address', 'm1@demo.test'],
  )
  assert.equal((await exportFile('?state=suspended')).length, 1)
  assert.equal(
    refusal(await api.call('GET', '/v1/mailboxes/export?domain=nowhere.test')),
    '404 domain_not_found',
  )
})

test('what is exported can be imported elsewhere as it is', async () => {
  const names = ['=1+1', "'=x", 'Lee, "Ann"', 'two\nlines', ' -x ', '@a']
  const mailboxes = names.map((display_name, n) => ({
    address: `-trip${n}@demo.test`,
    display_name,
    tags: [`a;${n}`, '=b'],
  }))
  await api.call('POST', '/v1/mailboxes', { body: { mailboxes } })
  const file = (await api.call('GET', '/v1/mailboxes/export?search=trip')).text
  assert.match(file, /^'-trip0@demo\.test,'=1\+1,/m)
  const raw = (await api.call('GET', '/v1/mailboxes/export?search=trip&raw=true')).text
  assert.match(raw, /^-trip0@demo\.test,=1\+1,/m)
  await api.call('POST', '/v1/domains', { body: { name: 'moved.test' } })
  assert.equal((await importFile(file.replaceAll('@demo.test', '@moved.test'))).status, 200)
  const { json } = await api.call('GET', '/v1/mailboxes?domain=moved.test')
  assert.deepEqual(
    [at(json, 'data')].flat().map((one) => [at(one, 'display_name'), at(one, 'tags')]),
    names.map((name, n) => [name, [`a;${n}`, '=b']]),
  )
})

async function looks(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from events where type = 'mailbox.credentials_viewed'`.execute(
    api.platform.db,
  )
  return rows[0]?.count ?? -1
}

test('credentials are for keys that may write, and every look is noted', async () => {
  const before = await looks()
  const reader = await api.key({ access: 'read' })
  const query = '?search=once&include=credentials'
  assert.equal(
    refusal(await api.call('GET', `/v1/mailboxes/export${query}`, { key: reader })),
    '403 forbidden',
  )
  assert.equal((await exportFile('?search=once', reader)).length, 3)
  const head = await fetch(`${api.base}/v1/mailboxes/export${query}`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  assert.equal(head.status, 405)
  assert.equal(await looks(), before)
  const [header, line] = await exportFile(`${query}&raw=true`)
  assert.match(header ?? '', /,password,imap_host,imap_port,imap_security,smtp_host,smtp_port,smtp_security$/)
  const credentials = await api.call('GET', '/v1/mailboxes/once1@demo.test/credentials')
  assert.equal(line?.split(',')[8], at(credentials.json, 'password'))
  assert.equal(await looks(), before + 3)
  const me = await api.call('GET', '/v1/me')
  const seen = await api.call('GET', '/v1/audit-log?action=mailbox.credentials_viewed')
  const actors = listAt(seen.json, 'data').map((entry) => at(entry, 'actor'))
  assert.deepEqual(actors.slice(0, 3), Array(3).fill(`api_key:${textAt(me.json, 'id')}`))
})

test('the servers of a mailbox are those of its service', async () => {
  await api.createMailbox('elsewhere@demo.test')
  await sql`update mailboxes set service = 'google' where address = 'elsewhere@demo.test'`.execute(
    api.platform.db,
  )
  const [header, line] = await exportFile('?search=elsewhere&include=credentials')
  const column = header?.split(',').indexOf('imap_host') ?? -1
  assert.equal(line?.split(',')[column], 'imap.gmail.com')
})

test('a key of one mailbox exports that one', async () => {
  const mailboxId = textAt((await api.call('GET', '/v1/mailboxes/once2@demo.test')).json, 'id')
  const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId })
  assert.deepEqual(
    (await exportFile('', key)).map((line) => line.split(',')[0]),
    ['address', 'once2@demo.test'],
  )
})

test('a page is read, and its looks noted, only when the one before was taken', async () => {
  const before = await looks()
  const filter = { domain: null, state: null, search: 'many', tag: null }
  const pieces = exportMailboxes(api.platform, api.scope, filter, { withCredentials: true, raw: false })
  await pieces.next()
  assert.equal((await looks()) - before, 500)
  await pieces.next()
  assert.equal((await looks()) - before, 1000)
  await pieces.return(undefined)
})

test('an error on the way breaks the connection, so that half a file is not taken for a whole', async () => {
  // A password of a later page that cannot be opened.
  await sql`update mailbox_passwords set sealed_password = '\\x00' where mailbox_id = (
    select id from mailboxes where address like 'many%' order by id offset 5000 limit 1)`.execute(
    api.platform.db,
  )
  const response = await fetch(`${api.base}/v1/mailboxes/export?search=many&include=credentials`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  assert.equal(response.status, 200)
  await assert.rejects(response.text())
})
