/** Sequencers and exports by the API, with the driver of Smartlead on the stand-in for it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { findChanges } from '../sequencers/changes.ts'
import { startSmartleadStandIn } from '../testing/sequencers/smartlead.ts'
import type { StandIn } from '../testing/sequencers/stand-in.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { makeMailboxes, publicPorts } from '../testing/test-sequencers.ts'

let api: TestApi
let tool: StandIn

before(async () => {
  api = await startTestApi({ environment: { ...publicPorts, MAILWRIGHT_OUTBOUND_NETWORKS: 'any' } })
  tool = await startSmartleadStandIn()
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await tool[Symbol.asyncDispose]()
})

const settingsOf = (): object => ({ base_url: tool.url, calls_per_minute: 60_000 })

const connect = (more: object = {}): Promise<Reply> =>
  api.call('POST', '/v1/sequencers', {
    body: { name: 'Ours', platform: 'smartlead', settings: settingsOf(), key: tool.key, ...more },
  })

test('a connection is tried, kept without showing its key, changed and deleted', async () => {
  const reply = await connect()
  assert.equal(reply.status, 201)
  assert.ok(!reply.text.includes(tool.key))
  const path = `/v1/sequencers/${textAt(reply.json, 'id')}`
  assert.equal(reply.headers.get('location'), path)
  assert.equal(textAt((await api.call('GET', path)).json, 'state'), 'working')
  assert.equal(
    refusal(await api.call('PATCH', path, { body: { key: 'wrong' } })),
    '422 sequencer_key_refused',
  )
  const elsewhere = { settings: { base_url: 'http://127.0.0.1:1' } }
  assert.equal(refusal(await api.call('PATCH', path, { body: elsewhere })), '400 invalid_request')
  const renamed = await api.call('PATCH', path, { body: { name: 'Theirs' } })
  assert.equal(textAt(renamed.json, 'name'), 'Theirs')
  assert.equal(textAt((await api.call('POST', `${path}/check`)).json, 'state'), 'working')
  assert.equal((await api.call('DELETE', path)).status, 204)
  assert.equal(refusal(await api.call('GET', path)), '404 sequencer_not_found')
})

for (const [name, body, expected] of [
  ['a wrong key', { key: 'wrong' }, '422 sequencer_key_refused'],
  ['no key', { key: undefined }, '400 invalid_request'],
  ['a key with a line break', { key: 'a\nb' }, '400 invalid_request'],
  ['nobody there', { settings: { base_url: 'http://127.0.0.1:1' } }, '502 sequencer_failed'],
  ['an address that is none', { settings: { base_url: 'ftp://x' } }, '400 invalid_request'],
  ['an address with a query', { settings: { base_url: 'https://x.example/?a=b' } }, '400 invalid_request'],
  ['a setting that is needed', { platform: 'emailbison', settings: {} }, '400 invalid_request'],
  ['a key for files', { platform: 'salesforge', settings: {} }, '400 invalid_request'],
  ['an address for files', { platform: 'manual', key: undefined }, '400 invalid_request'],
] as const) {
  test(`refused: ${name}`, async () => {
    assert.equal(refusal(await connect(body)), expected)
  })
}

test('thirty mailboxes are exported, seen, told of a new password, and taken away', async () => {
  const mailboxes = await makeMailboxes(api, 30)
  const refs = mailboxes.map(({ address }) => address)
  const id = textAt((await connect()).json, 'id')
  const body = { sequencer_id: id, mailboxes: refs }
  const previewed = await api.call('POST', '/v1/exports', { body: { ...body, preview: true } })
  assert.deepEqual(
    listAt(previewed.json, 'objects').map((one) => textAt(one, 'state')),
    refs.map(() => 'waiting'),
  )
  assert.deepEqual(listAt((await api.call('GET', '/v1/exports')).json, 'data'), [])

  const created = await api.call('POST', '/v1/exports', { body })
  assert.equal(created.status, 201)
  assert.deepEqual([at(created.json, 'state'), at(created.json, 'waiting')], ['running', 30])
  const path = `/v1/exports/${textAt(created.json, 'id')}`
  await runJobs(api.platform)
  const done = (await api.call('GET', path)).json
  assert.deepEqual([at(done, 'state'), at(done, 'done'), at(done, 'total')], ['completed', 30, 30])
  assert.deepEqual([...tool.accounts.keys()].sort(), [...refs].sort())
  assert.deepEqual(tool.complaints, [])

  const page = await api.call('GET', `${path}/items?limit=20&state=done`)
  const next = await api.call(
    'GET',
    `${path}/items?limit=20&state=done&cursor=${at(page.json, 'next_cursor')}`,
  )
  const items = [...listAt(page.json, 'data'), ...listAt(next.json, 'data')]
  assert.deepEqual(
    items.map((item) => textAt(item, 'address')),
    refs,
  )
  const there = await api.call('GET', `/v1/sequencers/${id}/mailboxes?state=connected&limit=200`)
  assert.equal(listAt(there.json, 'data').length, 30)

  const [first = ''] = refs
  await api.call('POST', `/v1/mailboxes/${first}/password`, { body: { password: 'a secret that is long' } })
  assert.equal((await api.call('POST', '/v1/test/clock', { body: { advance: 'PT1M' } })).status, 200)
  await findChanges(api.platform)
  await runJobs(api.platform)
  assert.equal(tool.accounts.get(first)?.password, 'a secret that is long')

  const removal = { mailboxes: refs.slice(0, 3) }
  const removed = await api.call('POST', `/v1/sequencers/${id}/mailboxes/remove`, { body: removal })
  assert.deepEqual(removed.json, { removing: 3, forgotten: 0, not_there: 0 })
  await runJobs(api.platform)
  assert.equal(tool.accounts.size, 27)
  assert.equal(refusal(await api.call('DELETE', `/v1/sequencers/${id}`)), '409 sequencer_in_use')
  assert.equal((await api.call('DELETE', `/v1/sequencers/${id}?remove_accounts=true`)).status, 202)
  await runJobs(api.platform)
  assert.equal(tool.accounts.size, 0)
  assert.equal(refusal(await api.call('GET', `/v1/sequencers/${id}`)), '404 sequencer_not_found')
})

test('a file has the columns of its program, passwords as they are, and every look is noted', async () => {
  const mailboxes = await makeMailboxes(api, 3)
  const refs = mailboxes.map(({ id }) => id)
  const [first = ''] = refs
  const password = '=danger,"quoted"\' and more'
  await api.call('POST', `/v1/mailboxes/${first}/password`, { body: { password } })
  await api.call('PATCH', `/v1/mailboxes/${first}`, {
    body: { first_name: '=cmd()', display_name: '@SUM(1)' },
  })
  const created = await api.call('POST', '/v1/exports', { body: { platform: 'instantly', mailboxes: refs } })
  assert.deepEqual([at(created.json, 'state'), at(created.json, 'done')], ['completed', 3])
  const path = `/v1/exports/${textAt(created.json, 'id')}/file`
  const file = await api.call('GET', path)
  assert.equal(file.status, 200)
  assert.match(file.headers.get('content-type') ?? '', /^text\/csv/)
  assert.equal(file.headers.get('mailwright-parts'), '1')
  assert.ok(!file.text.startsWith('\ufeff') && file.text.endsWith('\r\n'))
  const records: Record<string, string>[] = parse(file.text, { columns: true })
  const [record] = records
  assert.equal(record?.['IMAP Password'], password)
  assert.equal(record?.['First Name'], "'=cmd()")
  assert.equal(records.length, 3)
  const { rows } = await countLooks(first)
  assert.equal(rows, 1)
  assert.equal(refusal(await api.call('GET', `${path}?part=2`)), '404 export_file_not_found')
  const readOnly = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('GET', path, { key: readOnly })), '403 forbidden')
})

async function countLooks(mailboxId: string): Promise<{ rows: number }> {
  const found = await api.platform.db
    .selectFrom('events')
    .select('id')
    .where('type', '=', 'mailbox.credentials_viewed')
    .where('mailbox_id', '=', mailboxId)
    .execute()
  return { rows: found.length }
}

test('files are split where a program takes fewer lines', async () => {
  const mailboxes = await makeMailboxes(api, 101)
  const sequencer = await api.call('POST', '/v1/sequencers', { body: { name: 'files', platform: 'snov' } })
  const body = { sequencer_id: textAt(sequencer.json, 'id'), mailboxes: mailboxes.map(({ id }) => id) }
  const created = await api.call('POST', '/v1/exports', { body })
  assert.equal(textAt(created.json, 'method'), 'file')
  const path = `/v1/exports/${textAt(created.json, 'id')}/file`
  const parts = await Promise.all(['', '?part=2'].map((part) => api.call('GET', `${path}${part}`)))
  const counts = parts.map(({ text }) => parse(text, { columns: true }).length)
  assert.deepEqual(counts, [100, 1])
  assert.match(parts[1]?.headers.get('content-disposition') ?? '', /-part-2-of-2\.csv"$/)
})

test('what is asked for wrongly is refused', async () => {
  const [mailbox] = await makeMailboxes(api, 1)
  const other = await api.tenant()
  const sequencer = textAt((await connect()).json, 'id')
  const ask = async (body: object, key = api.apiKey): Promise<string> =>
    refusal(await api.call('POST', '/v1/exports', { body, key }))
  const mailboxes = [mailbox?.id ?? '']
  assert.equal(await ask({ sequencer_id: sequencer }), '400 invalid_request')
  assert.equal(await ask({ sequencer_id: sequencer, mailboxes, filter: {} }), '400 invalid_request')
  assert.equal(await ask({ method: 'api', mailboxes }), '400 invalid_request')
  assert.equal(
    await ask({ sequencer_id: sequencer, platform: 'instantly', mailboxes }),
    '400 invalid_request',
  )
  assert.equal(
    await ask({ sequencer_id: sequencer, mailboxes: ['nobody@demo.test'] }),
    '404 mailbox_not_found',
  )
  assert.equal(await ask({ mailboxes }, other.key), '404 mailbox_not_found')
  assert.equal(await ask({ sequencer_id: sequencer, mailboxes }, other.key), '404 sequencer_not_found')
})
