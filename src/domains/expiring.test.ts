/** Registrations that end soon. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../platform/ids.ts'
import { inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { type ExpiringFilter, pageExpiring } from './expiring.ts'
import type { DomainState } from './lifecycle.ts'
import { createDomainTags, tagDomains } from './tags.ts'

let t: TestPlatform
const now = Date.now()
const inDays = (days: number): Date => new Date(now + days * 24 * 3600_000)
const everything: ExpiringFilter = { before: inDays(60), search: null, products: [null], tagIds: null }

async function register(name: string, days: number | null, state: DomainState = 'active'): Promise<string> {
  const { id } = await t.connectActiveDomain(name)
  await t.platform.db.updateTable('domains').set({ state }).where('id', '=', id).execute()
  await t.platform.db
    .insertInto('domain_registrations')
    .values({
      organization_id: t.scope.organizationId,
      workspace_id: t.scope.workspaceId,
      domain_id: id,
      registrar: 'sandbox',
      auto_renew: false,
      renew_amount: null,
      renew_currency: 'USD',
      contact_id: null,
      registered_at: new Date(),
      expires_at: days === null ? null : inDays(days),
      nameservers: [],
      updated_at: new Date(),
    })
    .execute()
  return id
}

before(async () => {
  t = await startTestPlatform()
  await t.connectActiveDomain('elsewhere.example')
  await register('later.example', 61)
  await register('second.example', 30)
  await register('first.example', 2, 'suspended')
  await register('over.example', -1, 'expired')
  await register('lost.example', -400, 'expired')
  await register('removed.example', 3, 'deletion_scheduled')
  await register('new.example', null, 'registering')
})
after(() => t[Symbol.asyncDispose]())

async function namesOf(more: Partial<ExpiringFilter> = {}, page = { number: 1, size: 10 }, scope = t.scope) {
  const { rows, total } = await pageExpiring(t.platform, scope, { ...everything, ...more }, page)
  return { names: rows.map(({ domain }) => domain.name), total }
}

test('those that can be renewed, what ends first before the others', async () => {
  const names = ['over.example', 'first.example', 'second.example']
  assert.deepEqual(await namesOf(), { names, total: 3 })
  assert.deepEqual(await namesOf({}, { number: 2, size: 2 }), { names: ['second.example'], total: 3 })
  assert.deepEqual(await namesOf({}, { number: 9, size: 2 }), { names: [], total: 3 })
  assert.deepEqual((await namesOf({ before: inDays(100) })).total, 4)
})

test('filters: text, product, tags, and other workspaces see none', async () => {
  const id = await register('tagged.example', 5)
  const tagId = await inTransaction(t.platform, async (tx) => {
    const [tag] = await createDomainTags(t.platform, tx, t.scope, [{ name: 'a', color: null }])
    const tagIds = [tag?.id ?? '']
    await tagDomains(t.platform, tx, t.scope, 'add', { tagIds, domainIds: [id] })
    return tagIds[0] ?? ''
  })
  assert.deepEqual((await namesOf({ search: 'TAG' })).names, ['tagged.example'])
  assert.deepEqual((await namesOf({ tagIds: [tagId] })).names, ['tagged.example'])
  assert.deepEqual((await namesOf({ tagIds: [] })).names, [])
  assert.deepEqual((await namesOf({ products: ['google'] })).names, [])
  await t.platform.db.updateTable('domains').set({ product: 'google' }).where('id', '=', id).execute()
  assert.deepEqual((await namesOf({ products: ['google'] })).names, ['tagged.example'])
  assert.equal((await namesOf({}, undefined, { ...t.scope, workspaceId: newId() })).total, 0)
})
