/** Sequencers and exports in the dialect of InboxKit, with a sequencer in memory. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import {
  createTool,
  makeMailboxes,
  publicPorts,
  type Tool,
  useTool,
  workOff,
} from '../../testing/test-sequencers.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let u: TestVendor
let tool: Tool
const unknown = '00000000-0000-4000-8000-000000000000'
before(async () => {
  u = await startTestVendor('inboxkit', { environment: publicPorts })
  tool = createTool()
  useTool(u.platform, tool)
})
after(() => u[Symbol.asyncDispose]())

const ids = [
  'listSequencerPlatforms',
  'listSequencers',
  'addSequencer',
  'updateSequencer',
  'deleteSequencers',
  'exportMailboxes',
  'getExportStatus',
] as const

const connect = (more: object = {}): Promise<Reply> =>
  u.operate('addSequencer', { body: { name: 'Main', platform: 'smartlead', api_key: tool.key, ...more } })

async function connected(more: object = {}): Promise<string> {
  const reply = await connect(more)
  assert.equal(reply.status, 200, reply.text)
  return textAt(reply.json, 'uid')
}

async function native(uid: string): Promise<unknown> {
  const reply = await u.call('GET', `/v1/sequencers/${uid}`)
  assert.equal(reply.status, 200, reply.text)
  return reply.json
}

async function exported(sequencer_uid: string, mailbox_uids: readonly string[]): Promise<unknown> {
  const reply = await u.operate('exportMailboxes', { body: { sequencer_uid, mailbox_uids } })
  assert.equal(reply.status, 200, reply.text)
  return reply.json
}

async function status(body: object = {}, options: VendorCall = {}): Promise<unknown[]> {
  const reply = await u.operate('getExportStatus', { body, ...options })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data')
}

const counts = (json: unknown): unknown[] => [
  at(json, 'results', 'new_exports_created'),
  at(json, 'results', 'duplicate_exports_skipped'),
]
const statuses = (rows: readonly unknown[]): unknown[] => rows.map((row) => at(row, 'status'))

test('the platforms are those that a key alone connects', async () => {
  const data = listAt((await u.operate('listSequencerPlatforms')).json, 'data')
  assert.ok(data.some((row) => at(row, 'platform') === 'smartlead' && at(row, 'name') === 'Smartlead'))
  const slugs = data.map((row) => at(row, 'platform'))
  for (const other of ['manual', 'salesforge', 'emailbison', 'plusvibe'])
    assert.ok(!slugs.includes(other), other)
})

test('the documented example is connected, listed, changed and disconnected', async () => {
  tool.key = 'sl-sample'
  const added = await u.operate('addSequencer', { body: u.exampleOf('addSequencer') })
  assert.equal(added.status, 200, added.text)
  const uid = textAt(added.json, 'uid')
  const listed = await u.operate('listSequencers', { body: u.exampleOf('listSequencers') })
  assert.deepEqual(
    [at(listed.json, 'data'), at(listed.json, 'total')],
    [[{ uid, name: 'Main', platform: 'smartlead', status: 'connected', sequencer_email: null }], 1],
  )
  assert.ok(!listed.text.includes('sl-sample') && !listed.text.includes('s3cr3t'))
  assert.equal(at(await native(uid), 'settings', 'warmup'), true)
  const changes = { uid, name: 'Other', auto_reconnect_mailboxes: true, warmup_limit: 10, tags: ['a'] }
  assert.equal((await u.operate('updateSequencer', { body: changes })).status, 200)
  assert.deepEqual(
    [at(await native(uid), 'name'), at(await native(uid), 'settings')],
    ['Other', { warmup: true, auto_reconnect: true }],
  )
  const wrong = await u.operate('updateSequencer', { body: { uid, api_key: 'wrong' } })
  assert.deepEqual([wrong.status, at(wrong.json, 'message')], [400, 'Invalid API key'])
  tool.key = 'another'
  const renewed = await u.at('PUT', '/sequencers/update', { body: { uid, api_key: 'another' } })
  assert.equal(renewed.status, 200, renewed.text)
  const gone = await u.operate('deleteSequencers', { body: { uids: [uid] } })
  assert.equal(gone.status, 200, gone.text)
  assert.equal((await u.call('GET', `/v1/sequencers/${uid}`)).status, 404)
})

test('lists by platform, in parts', async () => {
  const one = await connected({ name: undefined, platform: 'Instantly' })
  const two = await connected({ name: 'Second' })
  const of = async (body: object): Promise<unknown[]> => {
    const reply = await u.operate('listSequencers', { body })
    return [listAt(reply.json, 'data').map((row) => at(row, 'uid')), at(reply.json, 'total')]
  }
  assert.deepEqual(await of({ sequencer_platforms: ['INSTANTLY'] }), [[one], 1])
  assert.deepEqual(await of({ limit: 1, offset: 1 }), [[two], 2])
  assert.deepEqual(await of({ sequencer_platforms: [] }), [[], 0])
  assert.equal(at(await native(one), 'name'), 'Instantly')
  const both = await u.at('DELETE', '/sequencers/delete', { body: { uids: [one, two, one] } })
  assert.equal(both.status, 200, both.text)
  assert.deepEqual(await of({}), [[], 0])
})

test('mailboxes are exported once, and again when they failed', async () => {
  const uid = await connected()
  const mailboxes = await makeMailboxes(u, 3)
  const [a = '', b = '', c = ''] = mailboxes.map(({ id }) => id)
  const first = await exported(uid, [a, b, a])
  assert.deepEqual(counts(first), [2, 0])
  const created = listAt(first, 'exports', 'created')
  assert.deepEqual(
    created.map((row) => [at(row, 'mailbox_uid'), at(row, 'mailbox_email'), at(row, 'status')]),
    mailboxes.slice(0, 2).map(({ id, address }) => [id, address, 'queued']),
  )
  assert.deepEqual(counts(await exported(uid, [a, b])), [0, 2])
  await workOff(u.platform, uid)
  await runJobs(u.platform)
  assert.deepEqual(
    tool.accounts.map(({ account }) => account.address).sort(),
    mailboxes
      .slice(0, 2)
      .map(({ address }) => address)
      .sort(),
  )
  const rows = await status({ sequencer_uid: uid })
  assert.deepEqual(statuses(rows), ['completed', 'completed'])
  assert.deepEqual(at(rows[0], 'uid'), at(created[0], 'uid'))
  assert.deepEqual([at(rows[0], 'sequencer_uid'), at(rows[0], 'error_message')], [uid, null])
  assert.deepEqual(counts(await exported(uid, [a, c])), [1, 1])

  tool.faultOf = ({ name }) => (name === 'add' ? 'validation' : null)
  await workOff(u.platform, uid)
  tool.faultOf = () => null
  const [failed] = await status({ mailbox_uids: [c] })
  assert.deepEqual([at(failed, 'status'), at(failed, 'error_message')], ['failed', 'It said validation.'])
  assert.deepEqual(counts(await exported(uid, [a, b, c])), [1, 2])
  await workOff(u.platform, uid)
  assert.deepEqual(statuses(await status({ mailbox_uids: [c] })), ['completed', 'failed'])
})

test('exports are found by sequencer, mailbox, export and status, in parts', async () => {
  const uid = await connected()
  const made = (await makeMailboxes(u, 3)).map(({ id }) => id)
  await u.call('POST', `/v1/mailboxes/${made[2]}/suspend`, { body: {} })
  const created = listAt(await exported(uid, made), 'exports', 'created')
  assert.deepEqual(statuses(created), ['queued', 'queued', 'failed'])
  const uids = created.map((row) => textAt(row, 'uid'))
  const found = async (body: object): Promise<unknown[]> => (await status(body)).map((row) => at(row, 'uid'))
  assert.deepEqual(await found({ sequencer_uid: uid }), uids)
  assert.deepEqual(await found({ sequencer_uid: uid, limit: 1, offset: 1 }), [uids[1]])
  assert.deepEqual(await found({ uids: [uids[1], 'nonsense', unknown] }), [uids[1]])
  assert.deepEqual(await found({ mailbox_uids: [made[0], 'nonsense'] }), [uids[0]])
  assert.deepEqual(await found({ sequencer_uid: uid, status: 'queued' }), uids.slice(0, 2))
  assert.deepEqual(await found({ sequencer_uid: uid, status: 'FAILED' }), [uids[2]])
  assert.deepEqual(await found({ status: 'odd' }), [])
  await u.operate('deleteSequencers', { body: { uids: [uid] } })
  const left = await status({ uids })
  assert.deepEqual(statuses(left), ['failed', 'failed', 'failed'])
  assert.equal(at(left[0], 'sequencer_uid'), undefined)
  // What is fetched as a file goes to no sequencer.
  const file = await u.call('POST', '/v1/exports', { body: { platform: 'instantly', mailboxes: [made[0]] } })
  assert.equal(file.status, 201, file.text)
  assert.equal((await found({ mailbox_uids: [made[0]] })).length, 1)
})

test('what is unknown, or another team’s, is not found', async () => {
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  const uid = await connected()
  const [mailbox] = await makeMailboxes(u, 1)
  const mine = mailbox?.id ?? ''
  await exported(uid, [mine])
  for (const sequencer_uid of [unknown, 'nonsense', uid]) {
    const options = sequencer_uid === uid ? theirs : {}
    const told = async (id: (typeof ids)[number], body: object): Promise<void> => {
      const reply = await u.operate(id, { body, ...options })
      assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Sequencer not found'], id)
    }
    await told('updateSequencer', { uid: sequencer_uid, name: 'x' })
    await told('deleteSequencers', { uids: [sequencer_uid] })
    await told('exportMailboxes', { sequencer_uid, mailbox_uids: [mine] })
    await told('getExportStatus', { sequencer_uid })
  }
  for (const mailbox_uid of [unknown, 'nonsense']) {
    const body = { sequencer_uid: uid, mailbox_uids: [mine, mailbox_uid] }
    const reply = await u.operate('exportMailboxes', { body })
    assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Mailbox not found'])
  }
  assert.deepEqual(await status({}, theirs), [])
  assert.deepEqual(await status({ mailbox_uids: [mine] }, theirs), [])
  for (const id of ids) {
    const reply = await u.operate(id, { workspace: unknown, body: bodyOf(id) })
    assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Workspace not found'], id)
    const none = await u.unchecked(id, { workspace: null, body: bodyOf(id) })
    assert.deepEqual([none.status, at(none.json, 'message')], [400, 'X-Workspace-Id header is required'], id)
  }
})

function bodyOf(id: (typeof ids)[number]): object {
  switch (id) {
    case 'addSequencer':
      return { name: 'x', platform: 'smartlead', api_key: tool.key }
    case 'updateSequencer':
      return { uid: unknown, name: 'x' }
    case 'deleteSequencers':
      return { uids: [unknown] }
    case 'exportMailboxes':
      return { sequencer_uid: unknown, mailbox_uids: [unknown] }
    default:
      return {}
  }
}

test('what is refused: another form, keys that are not taken, no key', async () => {
  for (const [body, message] of [
    [{ api_key: 'wrong' }, /Invalid API key/],
    [{ api_key: undefined }, /api_key is required/],
    [{ api_key: 'a\nb' }, /ASCII/],
    [{ platform: 'odd' }, /must be one of/],
    [{ platform: 'salesforge' }, /must be one of/],
    [{ platform: 'emailbison' }, /must be one of/],
    [{ name: '' }, /name/],
    [{ odd: 1 }, /odd/],
  ] as const) {
    const reply = await connect(body)
    assert.equal(reply.status, 400, JSON.stringify(body))
    assert.match(textAt(reply.json, 'message'), message)
  }
  for (const [id, body] of [
    ['listSequencers', { limit: 0 }],
    ['listSequencers', { odd: 1 }],
    ['updateSequencer', { name: 'x' }],
    ['deleteSequencers', { uids: [] }],
    ['deleteSequencers', {}],
    ['exportMailboxes', { sequencer_uid: unknown }],
    ['exportMailboxes', { sequencer_uid: unknown, mailbox_uids: [] }],
    ['getExportStatus', { offset: -1 }],
  ] as const) {
    assert.equal((await u.operate(id, { body })).status, 400, id)
  }
  for (const id of ids) {
    const reply = await u.operate(id, { key: 'wrong', body: bodyOf(id) })
    assert.deepEqual(reply.json, { code: 401, message: 'jwt malformed' }, id)
  }
})

test('keys that may only read, and keys of one mailbox', async () => {
  const uid = await connected()
  const [mailbox] = await makeMailboxes(u, 1)
  const readOnly = await u.key({ access: 'read' })
  const bound = await u.key({ workspaceId: u.scope.workspaceId, mailboxId: mailbox?.id ?? '' })
  const mailbox_uids = [mailbox?.id]
  for (const [id, body] of [
    ['addSequencer', bodyOf('addSequencer')],
    ['updateSequencer', { uid, name: 'x' }],
    ['deleteSequencers', { uids: [uid] }],
    ['exportMailboxes', { sequencer_uid: uid, mailbox_uids }],
  ] as const) {
    for (const key of [readOnly, bound]) {
      assert.equal((await u.unchecked(id, { key, body })).status, 403, id)
    }
  }
  assert.equal((await u.operate('listSequencers', { key: readOnly })).status, 200)
  for (const id of ['listSequencers', 'getExportStatus'] as const) {
    assert.equal((await u.unchecked(id, { key: bound, body: {} })).status, 403, id)
  }
  const own = await u.key({ workspaceId: u.scope.workspaceId })
  assert.equal((await u.operate('listSequencers', { key: own, workspace: null })).status, 200)
})

test('every documented status was seen', () => u.requireSeen(/^\/sequencers/))
