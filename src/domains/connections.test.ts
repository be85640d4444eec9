/** How far domains are that were registered elsewhere, and which of them a page has. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../platform/ids.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import type { DelegationState } from './checks/tables.ts'
import { delegationStates } from './checks/tables.ts'
import { type ConnectionStage, connectionStages, connectionsNamed, pageConnections } from './connections.ts'
import { type DomainState, domainStates } from './lifecycle.ts'

let t: TestPlatform
before(async () => (t = await startTestPlatform()))
after(() => t[Symbol.asyncDispose]())

const everything = { search: null, products: [null], stages: null, dnsHostId: null }
const first = { number: 1, size: 100 }

/** @param seen what the zone above said; null: nobody has looked; undefined: somebody has, without asking it. */
async function put(
  name: string,
  state: DomainState,
  seen: DelegationState | null | undefined,
): Promise<void> {
  const { id } = await t.connectActiveDomain(name)
  const delegation = seen
    ? {
        state: seen,
        parent: null,
        nameservers: [{ name: 'ns.other.example', state: 'unasked', set: [] }],
        ds: [],
      }
    : null
  await t.platform.db.updateTable('domains').set({ state }).where('id', '=', id).execute()
  await t.platform.db
    .updateTable('domain_checks')
    .set({ checked_at: seen === null ? null : new Date(), delegation: JSON.stringify(delegation) })
    .where('domain_id', '=', id)
    .execute()
}

async function stageOf(name: string): Promise<ConnectionStage | undefined> {
  return (await connectionsNamed(t.platform.db, t.scope, [name.toUpperCase()])).get(name)?.stage
}

const ended: readonly DomainState[] = ['suspended', 'expired', 'failed', 'deletion_scheduled']

test('the stage of every state, whatever was seen', async () => {
  let count = 0
  for (const state of domainStates.filter((one) => one !== 'deleted')) {
    for (const seen of [...delegationStates, null, undefined]) {
      const name = `stage${++count}.example`
      await put(name, state, seen)
      const wanted = (): ConnectionStage => {
        if (state === 'active') return 'connected'
        if (ended.includes(state)) return 'ended'
        if (seen === null) return 'unchecked'
        if (seen === 'none') return 'unregistered'
        if (state !== 'pending_nameservers') return 'missing'
        if (seen === 'ours') return 'found'
        return seen === undefined || seen === 'unanswered' ? 'unchecked' : 'missing'
      }
      assert.equal(await stageOf(name), wanted(), `${state} ${seen}`)
    }
  }
})

test('a page has those of its stages, its text, its products and its host, the newest first', async () => {
  const { db } = t.platform
  const { rows: all, total } = await pageConnections(db, t.scope, everything, first)
  assert.equal(total, all.length)
  assert.ok(all.every(({ state }) => state !== 'deletion_scheduled' && state !== 'deleted'))
  assert.deepEqual(
    all.map(({ id }) => id),
    all
      .map(({ id }) => id)
      .sort()
      .reverse(),
  )
  for (const stage of connectionStages) {
    const found = await pageConnections(db, t.scope, { ...everything, stages: [stage] }, first)
    assert.ok(found.total > 0 && found.rows.every((row) => row.stage === stage), stage)
    assert.equal(found.total, all.filter((row) => row.stage === stage).length)
  }
  const named = await pageConnections(db, t.scope, { ...everything, search: 'STAGE1.' }, first)
  assert.deepEqual(
    named.rows.map(({ name }) => name),
    ['stage1.example'],
  )
  for (const none of [{ products: [] }, { stages: [] }, { dnsHostId: newId() }, { search: '%' }]) {
    assert.equal((await pageConnections(db, t.scope, { ...everything, ...none }, first)).total, 0)
  }
  const past = await pageConnections(db, t.scope, everything, { number: 99, size: 100 })
  assert.deepEqual(past, { rows: [], total })
})

test('the name servers that were seen are told, and other workspaces see none of it', async () => {
  await put('seen.example', 'pending_nameservers', 'elsewhere')
  const found = await connectionsNamed(t.platform.db, t.scope, ['seen.example', 'no name'])
  assert.deepEqual(found.get('seen.example')?.seen_nameservers, ['ns.other.example'])
  const other = { ...t.scope, workspaceId: newId() }
  assert.equal((await connectionsNamed(t.platform.db, other, ['seen.example'])).size, 0)
  assert.equal((await pageConnections(t.platform.db, other, everything, first)).total, 0)
})
