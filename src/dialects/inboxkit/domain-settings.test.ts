/** Forwarding, DMARC and catch-alls of domains in the dialect of InboxKit, as the native API then has them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
const ids = { one: '', two: '' }
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  u = await startTestVendor('inboxkit')
  const make = async (name: string): Promise<string> =>
    textAt((await u.call('POST', '/v1/domains', { body: { name } })).json, 'id')
  Object.assign(ids, { one: await make('one.test'), two: await make('two.test') })
  await u.call('POST', '/v1/mailboxes', { body: { address: 'ann@one.test' } })
})
after(() => u[Symbol.asyncDispose]())

async function native(name: string, ...path: string[]): Promise<unknown> {
  return at((await u.call('GET', `/v1/domains/${name}`)).json, ...path)
}

test('web forwarding of several domains, and of none any more', async () => {
  const url = 'https://northwind.example'
  const set = await u.operate('setDomainForwarding', {
    body: { uids: [ids.one, ids.two, ids.one], forwarding_url: url },
  })
  assert.equal(set.status, 200, set.text)
  const digits = ids.one.replaceAll('-', '')
  assert.deepEqual(at(set.json, 'domains'), [
    { _id: digits.slice(0, 12) + digits.slice(-12), name: 'one.test', uid: ids.one },
    at(set.json, 'domains', '1'),
  ])
  assert.deepEqual(await native('two.test', 'redirect'), { url, status: 301, keep_path: true })
  const listed = await u.operate('listDomains', { body: { keyword: 'one' } })
  assert.equal(at(listed.json, 'domains', '0', 'forwarding_url'), url)
  await u.operate('setDomainForwarding', { body: { uids: [ids.two], forwarding_url: '' } })
  assert.deepEqual(
    [await native('two.test', 'redirect'), await native('one.test', 'redirect', 'url')],
    [null, url],
  )
})

test('DMARC by ids or by name', async () => {
  const both = { uids: [ids.one, ids.two], policy: 'reject', rua: 'mailto:dmarc@northwind.example' }
  assert.equal((await u.operate('setDomainDmarc', { body: both })).status, 200)
  assert.deepEqual(
    [await native('two.test', 'dmarc_policy'), await native('two.test', 'dmarc_report_address')],
    ['reject', 'dmarc@northwind.example'],
  )
  const byName = { domain: 'one.test', email: 'other@northwind.example' }
  assert.equal((await u.operate('setDomainDmarc', { body: byName })).status, 200)
  assert.deepEqual(
    [await native('one.test', 'dmarc_policy'), await native('one.test', 'dmarc_report_address')],
    ['reject', 'other@northwind.example'],
  )
  assert.equal((await u.operate('removeDomainDmarc', { body: { domain: 'one.test' } })).status, 200)
  assert.deepEqual(
    [await native('one.test', 'dmarc_policy'), await native('one.test', 'dmarc_report_address')],
    ['none', null],
  )
  assert.equal(await native('two.test', 'dmarc_policy'), 'reject')
})

test('a catch-all goes to a mailbox of the workspace, or to an address', async () => {
  const goal = async (name: string): Promise<unknown> =>
    (await u.call('GET', `/v1/domains/${name}/catch-all`)).json
  const set = { uids: [ids.one, ids.two], email: 'Ann@one.test' }
  assert.equal((await u.operate('setDomainCatchAll', { body: set })).status, 200)
  const mailbox = textAt((await u.call('GET', '/v1/mailboxes/ann@one.test')).json, 'id')
  assert.equal(at(await goal('two.test'), 'mailbox_id'), mailbox)
  const removed = await u.operate('removeDomainCatchAll', { body: { uids: [ids.two] } })
  assert.equal(removed.status, 200, removed.text)
  assert.equal((await u.operate('removeDomainCatchAll', { body: { uids: [ids.two] } })).status, 200, 'again')
  assert.equal((await u.call('GET', '/v1/domains/two.test/catch-all')).status, 404)
  const forward = { uids: [ids.two], forwarding_email: 'ann@one.test' }
  const copies = async () => at((await u.call('GET', '/v1/domains/two.test/forwarding')).json, 'target')
  assert.equal((await u.operate('setDomainEmailForwarding', { body: forward })).status, 200)
  assert.equal(await copies(), 'ann@one.test')
  assert.equal((await u.operate('removeDomainEmailForwarding', { body: { uids: [ids.two] } })).status, 200)
  assert.equal(await copies(), null)
  const waiting = await u.call('POST', '/v1/domains', { body: { name: 'real.example' } })
  const outside = { uids: [textAt(waiting.json, 'id')], email: 'inbox@northwind.example' }
  assert.equal((await u.operate('setDomainCatchAll', { body: outside })).status, 200)
  assert.deepEqual(at(await goal('real.example'), 'targets'), ['inbox@northwind.example'])
})

const changing = [
  ['setDomainForwarding', { forwarding_url: 'https://northwind.example' }],
  ['setDomainDmarc', { policy: 'none' }],
  ['removeDomainDmarc', {}],
  ['setDomainCatchAll', { email: 'ann@one.test' }],
  ['removeDomainCatchAll', {}],
  ['setDomainEmailForwarding', { forwarding_email: 'ann@one.test' }],
  ['removeDomainEmailForwarding', {}],
] as const

test('what is refused, by every one of them', async () => {
  const other = await u.tenant()
  const reader = await u.key({ access: 'read' })
  for (const [id, rest] of changing) {
    const body = { uids: [ids.one], ...rest }
    assert.equal((await u.operate(id, { body, key: 'wrong' })).status, 401, id)
    for (const uids of [[unknownId], ['nonsense'], [ids.one, unknownId]]) {
      assert.equal((await u.operate(id, { body: { ...rest, uids } })).status, 404, id)
    }
    const theirs = { key: other.key, workspace: other.workspaceId }
    assert.equal((await u.operate(id, { body, ...theirs })).status, 404, id)
    assert.equal((await u.operate(id, { body: rest })).status, 400, id)
    assert.equal((await u.operate(id, { body: { ...body, uids: [] } })).status, 400, id)
    assert.equal((await u.operate(id, { body: { ...body, more: 1 } })).status, 400, id)
    assert.equal((await u.unchecked(id, { body, key: reader })).status, 403, id)
  }
})

test('what is refused of the values', async () => {
  const uids = [ids.one]
  const bad: [string, object][] = [
    ['setDomainForwarding', { forwarding_url: 'http://plain.example' }],
    ['setDomainForwarding', { forwarding_url: 'https://one.test/back' }],
    ['setDomainForwarding', {}],
    ['setDomainDmarc', {}],
    ['setDomainDmarc', { policy: 'all' }],
    ['setDomainDmarc', { rua: 'no address' }],
    ['setDomainCatchAll', { email: 'nobody@two.test' }],
    ['setDomainCatchAll', { email: 'far@elsewhere.example' }], // mail of a sandbox leaves nowhere
    ['setDomainEmailForwarding', {}],
  ]
  for (const [id, rest] of bad) {
    assert.equal((await u.operate(id, { body: { uids, ...rest } })).status, 400, JSON.stringify(rest))
  }
})

test('every documented status was seen', () =>
  u.requireSeen(/^\/domains\/(forwarding|dmarc|email-forwarding|catch-all)$/))
