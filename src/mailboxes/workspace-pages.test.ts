/** Pages of a workspace's mailboxes, and what narrows them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { pageWorkspaceMailboxes, type WorkspacePageFilter } from './workspace-pages.ts'

let api: TestApi
const ids: string[] = []
before(async () => {
  api = await startTestApi()
  await api.call('POST', '/v1/domains', { body: { name: 'one.test' } })
  for (const address of ['ada@demo.test', 'ben@demo.test', 'cay@one.test', 'dan@one.test', 'gone@one.test']) {
    const body = { address, ...(address.startsWith('ben') ? { display_name: 'Ruiz 100%' } : {}) }
    ids.push(textAt((await api.call('POST', '/v1/mailboxes', { body })).json, 'id'))
  }
  await api.call('POST', '/v1/mailboxes/ada@demo.test/suspend', { body: {} })
  await api.call('POST', '/v1/mailboxes/cay@one.test/cancel', { body: {} })
  await api.call('DELETE', '/v1/mailboxes/dan@one.test')
  await api.call('DELETE', '/v1/mailboxes/gone@one.test?purge=true')
  await api.platform.db
    .updateTable('mailboxes')
    .set({ product: 'azure' })
    .where('id', '=', ids[1] ?? '')
    .execute()
})
after(() => api[Symbol.asyncDispose]())

async function names(filter: WorkspacePageFilter, page = { number: 1, size: 10 }, scope = api.scope) {
  const { rows, total } = await pageWorkspaceMailboxes(api.platform.db, scope, filter, page)
  return `${rows.map(({ address }) => address.slice(0, 3)).join(' ')} of ${total}`
}

const either = { isCanceled: null, isUnpaid: null }
const rows: [filter: () => WorkspacePageFilter, want: string][] = [
  [() => ({}), 'dan cay ben ada of 4'],
  [() => ({ search: '100%' }), 'ben of 1'],
  [() => ({ search: 'RUIZ' }), 'ben of 1'],
  [() => ({ standing: { states: ['active'], ...either } }), 'cay ben of 2'],
  [() => ({ standing: { states: ['active'], isCanceled: true, isUnpaid: null } }), 'cay of 1'],
  [() => ({ standing: { states: ['suspended'], isCanceled: null, isUnpaid: false } }), 'ada of 1'],
  [() => ({ standing: { states: ['suspended'], isCanceled: null, isUnpaid: true } }), ' of 0'],
  [() => ({ standing: { states: [], ...either } }), ' of 0'],
  [() => ({ kind: { products: ['azure'], services: [] } }), 'ben of 1'],
  [() => ({ kind: { products: ['google'], services: ['local'] } }), 'dan cay ada of 3'],
  [() => ({ among: { ids: [ids[0] ?? '', 'none'], domainIds: [] } }), 'ada of 1'],
  [() => ({ among: { ids: [], domainIds: ['none'] } }), ' of 0'],
]
for (const [filter, want] of rows) {
  test(`${JSON.stringify(filter())}: ${want}`, async () => assert.equal(await names(filter()), want))
}

test('pages, also behind the last', async () => {
  assert.equal(await names({}, { number: 2, size: 3 }), 'ada of 4')
  assert.equal(await names({}, { number: 3, size: 3 }), ' of 4')
})

test('of a domain, of one mailbox, of another workspace', async () => {
  const { json } = await api.call('GET', '/v1/domains/one.test')
  assert.equal(await names({ domainId: textAt(json, 'id') }), 'dan cay of 2')
  const among = { ids: [ids[0] ?? ''], domainIds: [textAt(json, 'id')] }
  assert.equal(await names({ among }), 'dan cay ada of 3')
  assert.equal(await names({ among }, undefined, { ...api.scope, mailboxId: ids[2] ?? '' }), 'cay of 1')
  const { workspaceId } = await api.tenant()
  assert.equal(await names({ among }, undefined, { ...api.scope, workspaceId }), ' of 0')
})
