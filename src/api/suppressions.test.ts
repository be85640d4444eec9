/** /v1/suppressions over a socket: adding, importing, finding, removing, and what is refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { type Bounced, suppressAfterBounce } from '../delivery/bounces/suppress.ts'
import { deleteExpiredSuppressions, findSuppression } from '../delivery/bounces/suppressions.ts'
import { transaction } from '../platform/database.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { decideFate, queueMessage, sentMessage } from '../testing/test-bounces.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const add = (body: object) => api.call('POST', '/v1/suppressions', { body })
const list = async (query = ''): Promise<string[]> => {
  const { json } = await api.call('GET', `/v1/suppressions${query}`)
  const data = at(json, 'data')
  return Array.isArray(data) ? data.map((one) => `${one.address} ${one.reason}`) : []
}

async function eventTypes(address: string): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`
    select type from events where data ->> 'address' = ${address} order by id`.execute(api.platform.db)
  return rows.map(({ type }) => type)
}

test('one address: added, found in any case, removed', async () => {
  const added = await add({ address: 'Ann@Example.ORG', detail: 'asked by phone' })
  assert.equal(added.status, 201)
  assert.equal(textAt(added.json, 'address'), 'ann@example.org')
  assert.equal(textAt(added.json, 'reason'), 'manual')
  assert.equal(added.headers.get('location'), `/v1/suppressions/${textAt(added.json, 'id')}`)
  const again = await add({ address: 'ann@example.org', detail: 'another' })
  assert.equal(again.status, 200)
  assert.equal(textAt(again.json, 'detail'), 'asked by phone')
  const { db } = api.platform
  assert.equal((await findSuppression(db, api.scope.workspaceId, 'ANN@example.org'))?.reason, 'manual')
  assert.equal((await api.call('GET', '/v1/suppressions/ANN@example.org')).status, 200)
  assert.equal((await api.call('DELETE', '/v1/suppressions/ann@Example.org')).status, 204)
  assert.equal(await findSuppression(db, api.scope.workspaceId, 'ann@example.org'), null)
  assert.equal(
    refusal(await api.call('DELETE', '/v1/suppressions/ann@example.org')),
    '404 suppression_not_found',
  )
  assert.deepEqual(await eventTypes('ann@example.org'), ['suppression.added', 'suppression.removed'])
})

test('ten thousand in one call, a result for each', async () => {
  const suppressions = Array.from({ length: 9_998 }, (_, i) => ({
    address: `many${i}@example.org`,
    reason: 'complaint',
  }))
  const bad = { address: 'no address' }
  const twice = { address: 'MANY1@example.org' }
  const reply = await add({ suppressions: [...suppressions, bad, twice] })
  assert.equal(reply.status, 200)
  assert.equal(at(reply.json, 'added'), 9_998)
  assert.equal(textAt(reply.json, 'data', 0, 'suppression', 'address'), 'many0@example.org')
  assert.equal(textAt(reply.json, 'data', 9_998, 'problem', 'code'), 'address_invalid')
  assert.equal(textAt(reply.json, 'data', 9_999, 'status'), 'unchanged')
  assert.deepEqual(await list('?search=MANY77@'), [
    'many77@example.org manual'.replace('manual', 'complaint'),
  ])
  const page = await api.call('GET', '/v1/suppressions?limit=2&reason=complaint')
  assert.equal(textAt(page.json, 'data', 1, 'address'), 'many1@example.org')
  const next = await api.call(
    'GET',
    `/v1/suppressions?limit=1&reason=complaint&cursor=${textAt(page.json, 'next_cursor')}`,
  )
  assert.equal(textAt(next.json, 'data', 0, 'address'), 'many2@example.org')
})

const refused: [what: string, body: object, want: string][] = [
  ['no address', { address: 'nobody' }, '422 address_invalid'],
  ['another reason', { address: 'a@b.example', reason: 'dislike' }, '400 invalid_request'],
  ['an unknown member', { address: 'a@b.example', because: 1 }, '400 invalid_request'],
  ['nothing', {}, '400 invalid_request'],
  ['an empty list', { suppressions: [] }, '400 invalid_request'],
  ['a bad time', { address: 'a@b.example', expires_at: 'tomorrow' }, '400 invalid_request'],
]
for (const [what, body, want] of refused) {
  test(`refused: ${what}`, async () => assert.equal(refusal(await add(body)), want))
}

test('a key that may only read, and a key of one mailbox', async () => {
  const reading = await api.key({ access: 'read' })
  const body = { address: 'x@example.org' }
  assert.equal(refusal(await api.call('POST', '/v1/suppressions', { key: reading, body })), '403 forbidden')
  assert.equal((await api.call('GET', '/v1/suppressions?limit=1', { key: reading })).status, 200)
  const { mailboxId } = await api.createMailbox()
  const narrow = await api.key({ mailboxId, workspaceId: api.scope.workspaceId })
  assert.equal(refusal(await api.call('GET', '/v1/suppressions', { key: narrow })), '403 forbidden')
})

test('what expires is gone, and may come again for another reason', async () => {
  const soon = new Date(api.platform.clock.now().getTime() + 60_000).toISOString()
  await add({ address: 'soon@example.org', expires_at: soon })
  assert.deepEqual(await list('?search=soon@'), ['soon@example.org manual'])
  api.platform.clock.advance?.('PT2M')
  assert.deepEqual(await list('?search=soon@'), [])
  assert.equal((await add({ address: 'soon@example.org', reason: 'bounce', expires_at: soon })).status, 201)
  assert.ok((await deleteExpiredSuppressions(api.platform)) > 0)
  assert.equal((await eventTypes('soon@example.org')).at(-1), 'suppression.removed')
})

test('what someone wants takes the place of a bounce, and not the other way round', async () => {
  await add({ address: 'rank@example.org', reason: 'bounce' })
  await add({ address: 'rank@example.org', reason: 'unsubscribe' })
  await add({ address: 'rank@example.org', reason: 'bounce' })
  assert.deepEqual(await list('?search=rank@'), ['rank@example.org unsubscribe'])
})

test('a workspace’s list is its own', async () => {
  const other = await api.tenant()
  await add({ address: 'own@example.org' })
  assert.equal(await findSuppression(api.platform.db, other.workspaceId, 'own@example.org'), null)
  const theirs = await api.call('POST', '/v1/suppressions', {
    key: other.key,
    body: { address: 'own@example.org' },
  })
  assert.equal(theirs.status, 201)
})

test('after a bounce: whoever is unknown, for good; whoever is disabled, for a time; nobody else', async () => {
  const { platform } = api
  const { owner } = await api.createMailbox()
  const fates = [
    ['unknown_recipient', true, 'recipient', null],
    ['mailbox_unavailable', true, 'recipient', 180],
    ['mailbox_unavailable', false, 'recipient', undefined],
    ['mailbox_full', true, 'recipient', undefined],
    ['blocked', true, 'sender', undefined],
    ['unknown_recipient', true, 'sender', undefined],
  ] as const
  const addresses = fates.map((_, index) => ({ address: `bounced${index}@example.org` }))
  const messageId = await queueMessage(platform, owner, sentMessage('b1@demo.test'), addresses)
  const bounced: Bounced[] = []
  for (const [index, [bounceClass, isPermanent, concerns]] of fates.entries()) {
    const address = `bounced${index}@example.org`
    const recipientId = await decideFate(platform, messageId, address, { state: 'bounced', step: 'bounced' })
    bounced.push({
      recipientId,
      class: bounceClass,
      isPermanent,
      concerns,
      reply: `550 \0 ${'x'.repeat(1000)}`,
    })
  }
  await transaction(platform.db, (tx) => suppressAfterBounce(platform, tx, bounced))
  const found = await platform.db
    .selectFrom('suppressions')
    .select(['address', 'expires_at', 'created_at', 'detail'])
    .where('address', 'like', 'bounced%')
    .orderBy('address')
    .execute()
  const days = found.map(({ address, expires_at, created_at }) => [
    address,
    expires_at && Math.round((expires_at.getTime() - created_at.getTime()) / 86_400_000),
  ])
  assert.deepEqual(days, [
    ['bounced0@example.org', null],
    ['bounced1@example.org', 180],
  ])
  assert.equal(found[0]?.detail?.length, 500)
})
