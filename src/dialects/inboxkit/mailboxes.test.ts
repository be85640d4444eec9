/** Mailboxes listed and shown in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { connectTool, createTool, exportTo, publicPorts, useTool } from '../../testing/test-sequencers.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
const ids = new Map<string, string>()
const paths = /^\/mailboxes\/(list|details|status)$/
const unknownId = '00000000-0000-4000-8000-000000000000'

async function native(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await u.call(method, path, body === undefined ? {} : { body })
  assert.ok(reply.status < 300, reply.text)
  return reply
}

function idOf(name: string): string {
  return ids.get(name) ?? assert.fail(name)
}

before(async () => {
  u = await startTestVendor('inboxkit', { environment: publicPorts })
  for (const name of ['one.test', 'two.test', 'waiting.example'])
    await native('POST', '/v1/domains', { name })
  const rows = [
    { username: 'ada', domain_name: 'one.test', platform: 'GOOGLE' },
    { username: 'ben', domain_name: 'two.test', platform: 'AZURE' },
    { username: 'cay', domain_name: 'waiting.example', platform: 'MICROSOFT' },
  ]
  const mailboxes = rows.map((row) => ({ first_name: 'Ada', last_name: 'Quill', ...row }))
  const bought = await u.operate('buyMailboxes', { body: { mailboxes } })
  for (const [index, { username }] of rows.entries()) {
    ids.set(username, textAt(bought.json, 'mailboxes', index, 'uid'))
  }
  const made = await native('POST', '/v1/mailboxes', { address: 'dan@demo.test', tags: ['sales'] })
  ids.set('dan', textAt(made.json, 'id'))
})
after(() => u[Symbol.asyncDispose]())

test('a mailbox is shown with all that is known of it', async () => {
  const uid = idOf('dan')
  await native('PUT', `/v1/mailboxes/${uid}/forwarding`, { targets: ['ada@one.test'], keep_copy: true })
  const known = await native('GET', `/v1/mailboxes/${uid}`)
  const shown = await u.operate('getMailboxDetails', { query: { uid } })
  assert.deepEqual(at(shown.json, 'mailbox'), {
    uid,
    domain_name: 'demo.test',
    username: 'dan',
    first_name: '',
    last_name: '',
    profile_picture: null,
    platform: 'SMTP',
    status: 'active',
    is_admin: false,
    forwarding_email: 'ada@one.test',
    tags: ['sales'],
    sequencers: [],
    mailbox_update_status: 'na',
    sequencer_status: 'na',
    dns_propagation_status: 'propagated',
    renewal_cycle: 'monthly',
    renewal_status: 'na',
    renewal_date: at(known.json, 'period_ends_at'),
    prepaid_until: at(known.json, 'period_ends_at'),
    mailbox_reactivation_status: 'na',
    mailbox_cancellation_status: 'na',
    createdAt: at(known.json, 'created_at'),
    updatedAt: at(known.json, 'updated_at'),
  })
  assert.equal(typeof at(shown.json, 'mailbox', 'renewal_date'), 'string')
  const waiting = await u.operate('getMailboxDetails', { query: { uid: idOf('cay') } })
  assert.deepEqual(
    ['status', 'dns_propagation_status', 'renewal_date', 'first_name', 'platform'].map((name) =>
      at(waiting.json, 'mailbox', name),
    ),
    ['waiting_for_dns_propagation', 'waiting', null, 'Ada', 'MICROSOFT'],
  )
})

test('the sequencers of a mailbox, and how far it is there', async () => {
  useTool(u.platform, createTool())
  const sequencer = await connectTool(u, createTool(), { name: 'Outreach' })
  await exportTo(u, sequencer.id, [idOf('ben')])
  const shown = await u.operate('getMailboxDetails', { query: { uid: idOf('ben') } })
  const expected = [{ uid: sequencer.id, name: 'Outreach', platform: 'smartlead' }]
  assert.deepEqual(at(shown.json, 'mailbox', 'sequencers'), expected)
  assert.equal(at(shown.json, 'mailbox', 'sequencer_status'), 'queued')
})

const narrowed: [body: object, names: string[]][] = [
  [{}, ['dan', 'cay', 'ben', 'ada']],
  [{ keyword: 'BEN@' }, ['ben']],
  [{ keyword: 'quill' }, ['cay', 'ben', 'ada']],
  [{ domain: 'one.test' }, ['ada']],
  [{ domain: 'ONE.test', keyword: 'ben' }, []],
  [{ platform: 'GOOGLE' }, ['ada']],
  [{ platform: 'AZURE' }, ['ben']],
  [{ platform: 'SMTP' }, ['dan']],
  [{ status: 'active' }, ['dan', 'ben', 'ada']],
  [{ status: 'waiting_for_dns_propagation' }, ['cay']],
  [{ status: 'configuring_dkim' }, []],
  [{ page: 2, limit: 3 }, ['ada']],
  [{ page: 9, limit: 3 }, []],
  [{ limit: 100_000 }, ['dan', 'cay', 'ben', 'ada']],
]
for (const [body, names] of narrowed) {
  test(`the list with ${JSON.stringify(body)}`, async () => {
    const listed = await u.operate('listMailboxes', { body })
    assert.deepEqual(
      listAt(listed.json, 'mailboxes').map((row) => at(row, 'username')),
      names,
    )
    const query = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]))
    const earlier = await u.operate('listMailboxesByQuery', { query })
    assert.deepEqual(earlier.json, listed.json)
  })
}

test('pages say how many there are; a list needs no body', async () => {
  const page = (reply: Reply) =>
    ['total', 'pages', 'current_page', 'limit'].map((name) => at(reply.json, name))
  assert.deepEqual(page(await u.operate('listMailboxes', { body: { limit: 3, page: 9 } })), [4, 2, 9, 3])
  assert.deepEqual(page(await u.operate('listMailboxes')), [4, 1, 1, 10])
  assert.deepEqual(page(await u.operate('listMailboxes', { body: { keyword: 'nobody' } })), [0, 0, 1, 10])
  assert.equal((await u.operate('listMailboxes', { body: { ...example(), domain: 'one.test' } })).status, 200)
})

function example(): object {
  return Object(u.exampleOf('listMailboxes'))
}

test('a page is read in as many statements however long it is', async () => {
  const many = Array.from({ length: 30 }, (_, at) => ({ address: `many${at}@two.test` }))
  await native('POST', '/v1/mailboxes', { mailboxes: many })
  const count = (limit: number): Promise<number> =>
    countStatements(() => u.operate('listMailboxes', { body: { limit } }))
  await count(1)
  assert.equal(await count(2), await count(30))
})

test('states of several: by their uids and by their domains', async () => {
  const uids = [idOf('ada'), unknownId, 'none']
  const found = await u.operate('checkMailboxStatus', { body: { uids } })
  assert.deepEqual(
    listAt(found.json, 'mailboxes').map((row) => [at(row, 'username'), at(row, 'status')]),
    [['ada', 'active']],
  )
  const { json } = await native('GET', '/v1/domains/waiting.example')
  const both = { uids: [idOf('ada')], domain_uids: [textAt(json, 'id')] }
  const more = await u.operate('checkMailboxStatus', { body: both })
  assert.deepEqual(
    listAt(more.json, 'mailboxes').map((row) => at(row, 'username')),
    ['cay', 'ada'],
  )
  const paged = await u.operate('checkMailboxStatus', { body: { ...both, page: 2, limit: 1 } })
  assert.deepEqual([at(paged.json, 'total'), at(paged.json, 'mailboxes', 0, 'username')], [2, 'ada'])
})

test('what is refused', async () => {
  const none = await u.operate('checkMailboxStatus', { body: {} })
  assert.deepEqual([none.status, none.json], [400, { error: true, message: 'uids is required' }])
  assert.equal((await u.operate('checkMailboxStatus', { body: { uids: [unknownId] } })).status, 404)
  for (const body of [
    { domain_name: 'one.test' },
    { page: 0 },
    { status: 'odd' },
    { keyword: 'x'.repeat(201) },
  ]) {
    assert.equal((await u.operate('listMailboxes', { body })).status, 400, JSON.stringify(body))
  }
  assert.equal((await u.operate('listMailboxesByQuery', { query: { page: 'x' } })).status, 400)
  const lost = await u.operate('listMailboxes', { body: { domain: 'none.test' } })
  assert.deepEqual(lost.json, { error: true, message: 'Domain not found' })
  assert.equal((await u.operate('getMailboxDetails')).status, 400)
  for (const uid of [unknownId, 'none', 'ada@one.test']) {
    const { json } = await u.operate('getMailboxDetails', { query: { uid } })
    assert.deepEqual(json, { error: true, message: 'Mailbox not found' }, uid)
  }
})

test('another tenant’s are not found, and a key of one mailbox sees that alone', async () => {
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  const uid = idOf('ada')
  assert.equal((await u.operate('getMailboxDetails', { ...theirs, query: { uid } })).status, 404)
  assert.equal((await u.operate('checkMailboxStatus', { ...theirs, body: { uids: [uid] } })).status, 404)
  assert.equal(at((await u.operate('listMailboxes', theirs)).json, 'total'), 0)
  const key = await u.key({ mailboxId: uid, workspaceId: u.scope.workspaceId })
  const own = await u.operate('listMailboxes', { key, workspace: null })
  assert.deepEqual([at(own.json, 'total'), at(own.json, 'mailboxes', 0, 'uid')], [1, uid])
  const foreign = await u.operate('checkMailboxStatus', { key, body: { uids: [idOf('ben')] } })
  assert.equal(foreign.status, 404)
  const reading = await u.key({ access: 'read' })
  assert.equal((await u.operate('getMailboxDetails', { key: reading, query: { uid } })).status, 200)
})

test('the reference names no parameter that its path has not', async () => {
  const { json } = await u.at('GET', '/openapi.json', { key: null })
  for (const [path, item] of Object.entries(Object(at(json, 'paths')))) {
    for (const operation of Object.values(Object(item))) {
      const named = Array.isArray(at(operation, 'parameters')) ? listAt(operation, 'parameters') : []
      const inPath = named.filter((one) => at(one, 'in') === 'path').map((one) => `{${textAt(one, 'name')}}`)
      assert.deepEqual(inPath, path.match(/\{\w+\}/g) ?? [], path)
    }
  }
})

test('paths that clients probe are none', async () => {
  for (const path of ['/mailboxes/find', '/mailboxes/search', `/mailboxes/${idOf('ada')}`]) {
    const reply = await u.at('GET', path, { query: { email: 'ada@one.test' } })
    assert.deepEqual([reply.status, reply.json], [404, { code: 404, message: 'Not found' }], path)
  }
})

test('too many calls are told so', async () => {
  await using slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
  await slow.operate('listMailboxes')
  const reply = await slow.operate('listMailboxes')
  assert.equal(reply.status, 429)
  assert.equal(reply.headers.get('x-ratelimit-remaining'), '0')
  u.contract.check('listMailboxes', reply)
})

test('every documented status was seen', async () => {
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
