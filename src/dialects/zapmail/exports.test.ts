/** Exports and accounts at sequencers in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { startEmailBisonStandIn } from '../../testing/sequencers/emailbison.ts'
import type { StandIn } from '../../testing/sequencers/stand-in.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { makeMailboxes, publicPorts } from '../../testing/test-sequencers.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let tool: StandIn
let ids: string[]
before(async () => {
  const environment = {
    ...publicPorts,
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    MAILWRIGHT_PUBLIC_URL: 'https://mail.example.com',
  }
  u = await startTestVendor('zapmail', { environment })
  tool = await startEmailBisonStandIn()
  ids = (await makeMailboxes(u, 3)).map(({ id }) => id)
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await tool[Symbol.asyncDispose]()
})

const paths = /^\/v2\/exports/
const messageOf = ({ status, json }: Reply): string => `${status} ${at(json, 'message')}`
const account = (more: object = {}): object => ({
  email: 'ops@example.com',
  password: tool.key,
  app: 'EMAILBISON',
  url: tool.url,
  ...more,
})
async function accounts(app = 'EMAILBISON'): Promise<unknown[]> {
  const reply = await u.operate('listThirdPartyAccounts', { query: { app } })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data', 'accounts')
}
const exported = (body: object, options = {}): Promise<Reply> =>
  u.operate('exportMailboxes', { body, ...options })
const statusOf = async (exportId: unknown): Promise<unknown> => {
  const reply = await u.operate('getExportStatus', { query: { exportId: String(exportId) } })
  assert.equal(reply.status, 200, reply.text)
  return at(reply.json, 'data')
}

test('an account is tried, kept, changed and shown without its key', async () => {
  const wrong = await u.operate('addThirdPartyAccount', { body: account({ password: 'wrong' }) })
  assert.equal(wrong.status, 400)
  assert.deepEqual(await accounts(), [])
  const added = await u.operate('addThirdPartyAccount', { body: account() })
  assert.equal(added.status, 200, added.text)
  const [only] = await accounts()
  assert.deepEqual(
    [at(only, 'appName'), at(only, 'email'), at(only, 'error')],
    ['EMAILBISON', 'ops@example.com', null],
  )
  const accountId = textAt(only, 'id')
  for (const more of [{ accountId }, {}]) {
    const renamed = await u.operate('updateThirdPartyAccount', { body: account({ email: 'new', ...more }) })
    assert.equal(renamed.status, 200, renamed.text)
  }
  assert.equal(at(await accounts(), 0, 'email'), 'new')
  const bad = await u.operate('updateThirdPartyAccount', { body: account({ password: 'wrong', accountId }) })
  assert.equal(bad.status, 400)
  assert.ok(!JSON.stringify(await accounts()).includes(tool.key))
})

test('mailboxes are brought to the account, and the status follows', async () => {
  const reply = await exported({
    ...Object(u.exampleOf('exportMailboxes')),
    apps: ['EMAILBISON'],
    ids: ids.slice(0, 2),
  })
  assert.equal(reply.status, 200, reply.text)
  const exportId = at(reply.json, 'data', 'exportId')
  assert.equal(at(reply.json, 'data', 'csvExportedLink'), undefined)
  const begun = await statusOf(exportId)
  assert.deepEqual(begun, { export_id: exportId, status: 'STARTED', failure_reason: null })
  const native = listAt((await u.call('GET', '/v1/exports')).json, 'data').at(-1)
  assert.deepEqual([at(native, 'platform'), at(native, 'total')], ['emailbison', 2])
  const path = `/v1/exports/${textAt(native, 'id')}`
  for (let round = 0; round < 50 && at((await u.call('GET', path)).json, 'state') === 'running'; round++)
    await runJobs(u.platform)
  assert.deepEqual(await statusOf(exportId), {
    export_id: exportId,
    status: 'COMPLETED',
    failure_reason: null,
  })
  assert.equal(tool.accounts.size, 2)
})

test('MANUAL makes a file, whose link works with the same key and no other', async () => {
  const reply = await exported({ apps: ['MANUAL'], ids, excludeIds: ids.slice(2) })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(at(await statusOf(at(reply.json, 'data', 'exportId')), 'status'), 'COMPLETED')
  const link = textAt(reply.json, 'data', 'csvExportedLink')
  assert.ok(link.startsWith('https://mail.example.com/zapmail/'))
  const path = link.slice('https://mail.example.com/zapmail'.length)
  const file = await u.at('GET', path, { workspace: null })
  assert.match(file.headers.get('content-type') ?? '', /^text\/csv/)
  const rows: unknown[] = parse(file.text, { columns: true })
  assert.deepEqual(rows.map((row) => at(row, 'email')).length, 2)
  assert.ok(textAt(rows, 0, 'smtp_password').length > 10)
  assert.equal((await u.at('GET', path, { key: null })).status, 401)
  const { key } = await u.tenant()
  assert.equal((await u.at('GET', path, { key, workspace: null })).status, 400)
  const reader = await u.key({ access: 'read' })
  assert.equal((await u.at('GET', path, { key: reader, workspace: null })).status, 403)
  assert.equal((await u.at('GET', `${path}&part=2`)).status, 400)
})

test('filters select: a part of the address, a tag of the domain, the state, the provider, without some', async () => {
  const tag = await u.call('POST', '/v1/domain-tags', { body: { name: 'first' } })
  const tagId = textAt(tag.json, 'id')
  const totalOf = async (body: object, headers = {}): Promise<unknown> => {
    const reply = await exported({ apps: ['MANUAL'], ...body }, { headers })
    if (reply.status !== 200) return messageOf(reply)
    return at(listAt((await u.call('GET', '/v1/exports')).json, 'data').at(-1), 'total')
  }
  const none = '400 No mailbox is chosen.'
  assert.equal(await totalOf({ ids: [], contains: '', status: '', tagIds: [], excludeIds: [] }), 3)
  assert.equal(await totalOf({ excludeIds: ids.slice(1) }), 1)
  assert.equal(await totalOf({ contains: 'no-such' }), none)
  assert.equal(await totalOf({ tagIds: [tagId] }), none)
  await u.call('PUT', `/v1/domains/demo.test/tags/${tagId}`)
  assert.equal(await totalOf({ tagIds: [tagId] }), 3)
  assert.equal(await totalOf({ status: 'SUSPENDED' }), none)
  assert.equal(await totalOf({ status: 'active' }), 3)
  assert.equal(await totalOf({}, { 'x-service-provider': 'MICROSOFT' }), none)
  const both = await exported({ apps: ['MANUAL', 'REACHINBOX'], ids })
  assert.equal(listAt(both.json, 'data', 'exportIds').length, 2)
})

test('an export of which nothing arrived has failed, and says why', async () => {
  const [id = ''] = ids
  await u.call('POST', `/v1/mailboxes/${id}/suspend`)
  const reply = await exported({ apps: ['MANUAL'], ids: [id] })
  const status = await statusOf(at(reply.json, 'data', 'exportId'))
  assert.equal(at(status, 'status'), 'FAILED')
  assert.match(textAt(status, 'failure_reason'), /^box\d+@demo\.test: ./)
})

test('what is refused', async () => {
  const { key, workspaceId } = await u.tenant()
  const unknown = '00000000-0000-7000-8000-000000000000'
  const noAccount = '400 There is no account at Smartlead: add one for SMARTLEAD first.'
  assert.equal(messageOf(await exported({ apps: ['SMARTLEAD'], ids })), noAccount)
  const notDriven = messageOf(await exported({ apps: ['APOLLO'], ids }))
  assert.match(notDriven, /^400 Invalid app parameter\. Supported apps: INSTANTLY, .*PIPL.*MANUAL$/)
  for (const body of [{}, { apps: [] }, { apps: ['MANUAL'], status: null }, { apps: ['MANUAL'], ids: [7] }])
    assert.equal((await exported(body)).status, 400)
  for (const one of [unknown, 'x'])
    assert.equal((await exported({ apps: ['MANUAL'], ids: [one] })).status, 400)
  const other = { apps: ['EMAILBISON'], ids, thirdPartyAccountId: unknown }
  assert.equal((await exported(other)).status, 400)
  const theirs = await exported({ apps: ['MANUAL'], ids }, { key, workspace: workspaceId })
  assert.equal(theirs.status, 400)
  const made = await exported({ apps: ['MANUAL'], ids })
  const exportId = String(at(made.json, 'data', 'exportId'))
  for (const query of [{ exportId: '1' }, { exportId: 'x' }, {}, { exportId: '1e300' }])
    assert.equal((await u.operate('getExportStatus', { query })).status, 400)
  const foreign = await u.operate('getExportStatus', { query: { exportId }, key, workspace: workspaceId })
  assert.equal(foreign.status, 400)
  const reader = await u.key({ access: 'read' })
  const refused = await u.unchecked('exportMailboxes', { body: { apps: ['MANUAL'], ids }, key: reader })
  assert.equal(refused.status, 403)
  const readers = await u.unchecked('addThirdPartyAccount', { body: account(), key: reader })
  assert.equal(readers.status, 403)
})

test('accounts: what is refused, and the workspaces of one', async () => {
  const { key, workspaceId } = await u.tenant()
  const accountId = textAt(await accounts(), 0, 'id')
  for (const app of ['MANUAL', 'REACHINBOX', 'APOLLO']) {
    const body = account({ app })
    assert.equal((await u.operate('addThirdPartyAccount', { body })).status, 400)
    assert.equal((await u.operate('updateThirdPartyAccount', { body })).status, 400)
    assert.equal((await u.operate('fetchExportWorkspaces', { query: { app } })).status, 400)
  }
  assert.equal((await u.operate('listThirdPartyAccounts')).status, 400)
  assert.equal((await u.operate('listThirdPartyAccounts', { query: { app: 'APOLLO' } })).status, 400)
  const body = account({ accountId })
  const theirs = await u.operate('updateThirdPartyAccount', { body, key, workspace: workspaceId })
  assert.equal(theirs.status, 400)
  const wrongApp = await u.operate('updateThirdPartyAccount', {
    body: account({ accountId, app: 'SMARTLEAD' }),
  })
  assert.equal(wrongApp.status, 400)
  const noUrl = { email: 'x', password: 'y', app: 'EMAILBISON' }
  assert.match(messageOf(await u.operate('addThirdPartyAccount', { body: noUrl })), /base_url/)
  const found = await u.operate('fetchExportWorkspaces', { query: { app: 'EMAILBISON', accountId } })
  assert.deepEqual(at(found.json, 'data'), [])
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
