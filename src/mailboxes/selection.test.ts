/** Mailboxes by what they have in common. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { type Selection, selectMailboxes } from './selection.ts'

let api: TestApi
const ids: Record<string, string> = {}
let tagId: string
before(async () => {
  api = await startTestApi()
  await api.call('POST', '/v1/domains', { body: { name: 'tagged.test' } })
  for (const address of ['ann@demo.test', 'bob@demo.test', 'eve@tagged.test']) {
    const made = await api.call('POST', '/v1/mailboxes', { body: { address, first_name: 'Under_score' } })
    ids[address.split('@')[0] ?? ''] = textAt(made.json, 'id')
  }
  await api.call('POST', '/v1/mailboxes/bob@demo.test/suspend')
  tagId = textAt((await api.call('POST', '/v1/domain-tags', { body: { name: 'one' } })).json, 'id')
  await api.call('PUT', `/v1/domains/tagged.test/tags/${tagId}`)
  await sql`update mailboxes set product = 'microsoft' where id = ${ids['eve']}::uuid`.execute(
    api.platform.db,
  )
})
after(() => api[Symbol.asyncDispose]())

const everything: Selection = {
  search: '',
  states: ['active', 'suspended'],
  products: ['google', 'microsoft', null],
  domainTagIds: [],
  without: [],
}
const rows: [what: string, wanted: Partial<Selection>, found: string[]][] = [
  ['everything', {}, ['ann', 'bob', 'eve']],
  ['a part of the address', { search: 'NN@demo' }, ['ann']],
  ['a part of a name, as it is', { search: 'r_s' }, ['ann', 'bob', 'eve']],
  ['what would be a pattern', { search: 'a%' }, []],
  ['a state', { states: ['suspended'] }, ['bob']],
  ['no state', { states: [] }, []],
  ['a product', { products: ['microsoft'] }, ['eve']],
  ['no product', { products: [null] }, ['ann', 'bob']],
]
for (const [what, wanted, found] of rows) {
  test(`by ${what}`, async () => {
    const selection = { ...everything, ...wanted }
    assert.deepEqual(
      await selectMailboxes(api.platform.db, api.scope, selection, 10),
      found.map((name) => ids[name]),
    )
  })
}

test('by a tag of the domain, without some, and no more than so many', async () => {
  const { platform, scope } = api
  const select = (wanted: Partial<Selection>, limit = 10) =>
    selectMailboxes(platform.db, scope, { ...everything, ...wanted }, limit)
  assert.deepEqual(await select({ domainTagIds: [tagId] }), [ids['eve']])
  assert.deepEqual(await select({ domainTagIds: ['none'] }), [])
  assert.deepEqual(await select({ without: [ids['ann'] ?? '', 'none'] }), [ids['bob'], ids['eve']])
  assert.deepEqual(await select({}, 1), [ids['ann']])
  const { organizationId, workspaceId } = await api.tenant()
  const theirs = { ...scope, organizationId, workspaceId }
  assert.deepEqual(await selectMailboxes(platform.db, theirs, everything, 10), [])
})
