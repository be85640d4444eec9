import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { connectDomain } from '../domains/domains.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { hasNoMailboxes, restoreMailboxesOf } from './domain-removal.ts'
import {
  deleteMailbox,
  getMailbox,
  listMailboxes,
  type MailboxFilter,
  restoreMailbox,
  resumeMailbox,
  suspendMailbox,
  updateMailbox,
} from './mailboxes.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { provisionMailbox } from './provision.ts'
import type { Mailbox } from './tables.ts'
import { defaultMailboxSettings } from './workspace-settings.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const restoreDays = defaultMailboxSettings.restore_days

async function inTx<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
  return await transaction(db, work)
}

async function workspace(): Promise<Scope> {
  const { id } = await inTx((tx) => createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }))
  return { ...scope, workspaceId: id }
}

async function make(address: string, more: Partial<NewMailbox> = {}, by = scope): Promise<Mailbox> {
  return await inTx((tx) =>
    provisionMailbox(platform, tx, by, {
      address,
      displayName: null,
      firstName: null,
      lastName: null,
      password: null,
      tags: [],
      service: 'local',
      ...more,
    }),
  )
}

const stranger = await workspace()
const readOnly: Scope = { ...scope, access: 'read' }
const suspend = (ref: string, by = scope): Promise<Mailbox> =>
  inTx((tx) => suspendMailbox(platform, tx, by, ref))
const resume = (ref: string, by = scope): Promise<Mailbox> =>
  inTx((tx) => resumeMailbox(platform, tx, by, ref))
const restore = (ref: string, by = scope): Promise<Mailbox> =>
  inTx((tx) => restoreMailbox(platform, tx, by, ref))
const remove = (ref: string, purge = false, by = scope): Promise<Mailbox> =>
  inTx((tx) => deleteMailbox(platform, tx, by, ref, { purge }))

async function movesOf(mailbox: Mailbox): Promise<string[]> {
  const { rows } = await sql<{ move: string }>`
    select concat(data ->> 'from', ' -> ', data ->> 'to') as move from events
    where mailbox_id = ${mailbox.id} and type = 'mailbox.state_changed' order by events.xid, events.id`.execute(
    db,
  )
  return rows.map(({ move }) => move)
}

test('a mailbox is found by id and by any spelling of its address, within its scope only', async () => {
  const { id } = await make('find.me@demo.test')
  const ofIt: Scope = { ...scope, mailboxId: id }
  for (const ref of [
    id,
    id.toUpperCase(),
    'find.me@demo.test',
    'Find.Me@DEMO.test.',
    '"find.me"@demo.test',
  ]) {
    assert.equal((await getMailbox(platform, scope, ref)).id, id, ref)
    assert.equal((await getMailbox(platform, ofIt, ref)).id, id, ref)
    await assert.rejects(getMailbox(platform, stranger, ref), { code: 'mailbox_not_found' })
    await assert.rejects(getMailbox(platform, { ...scope, mailboxId: newId() }, ref), {
      code: 'mailbox_not_found',
    })
  }
  for (const ref of ['', 'find.me', '@', 'nobody@demo.test', 'find.me+x@demo.test', newId(), "' or 1=1"]) {
    await assert.rejects(getMailbox(platform, scope, ref), { code: 'mailbox_not_found' }, ref)
  }
})

test('the list can be narrowed by domain, state, tag and text, and paged', async () => {
  const mine = await workspace()
  await inTx((tx) => connectDomain(platform, tx, mine, 'list.test'))
  const second = await inTx((tx) => connectDomain(platform, tx, mine, 'second.test'))
  await make('ann@list.test', { displayName: 'Ann LÖWE', tags: ['sales', 'a,b'] }, mine)
  await make('a_b@list.test', { firstName: 'Bob', tags: ['sales'] }, mine)
  await make('axb@list.test', { lastName: '100% Lee' }, mine)
  await make('dan@second.test', {}, mine)
  const gone = await make('gone@second.test', {}, mine)
  await remove(gone.id, true, mine)
  const off = await make('off@second.test', {}, mine)
  await suspend(off.id, mine)
  const list = async (
    filter: Partial<MailboxFilter>,
    limit = 50,
    last: string | null = null,
  ): Promise<string[]> => {
    const all = { domain: null, state: null, search: null, tag: null, ...filter }
    const { rows } = await listMailboxes(platform, mine, all, { limit, after: last })
    return rows.map(({ address }) => address.split('@')[0] ?? '')
  }
  assert.deepEqual(await list({}), ['ann', 'a_b', 'axb', 'dan', 'off'])
  assert.deepEqual(await list({ domain: 'second.test' }), ['dan', 'off'])
  assert.deepEqual(await list({ domain: second.id, state: 'suspended' }), ['off'])
  assert.deepEqual(await list({ state: 'active', tag: 'sales' }), ['ann', 'a_b'])
  const searches: [search: string, want: string[]][] = [
    ['ANN', ['ann']],
    ['löwe', ['ann']],
    ['bob', ['a_b']],
    ['a_b', ['a_b']],
    ['100%', ['axb']],
    ['%', ['axb']],
    ['_', ['a_b']],
    ['\\', []],
    ["'", []],
    ['second.test', ['dan', 'off']],
  ]
  for (const [search, want] of searches) assert.deepEqual(await list({ search }), want, search)
  assert.deepEqual(await list({ tag: 'a,b' }), ['ann'])
  assert.deepEqual(await list({ tag: 'sale' }), [])
  const page = await listMailboxes(
    platform,
    mine,
    { domain: null, state: null, search: null, tag: null },
    { limit: 2, after: null },
  )
  assert.ok(page.nextCursor)
  assert.deepEqual(await list({}, 2, page.rows.at(-1)?.id), ['axb', 'dan'])
  await assert.rejects(list({ domain: 'demo.test' }), { code: 'domain_not_found' })
})

test('a key of one mailbox lists that mailbox', async () => {
  const { id } = await make('alone@demo.test')
  const all = { domain: null, state: null, search: null, tag: null }
  const { rows } = await listMailboxes(platform, { ...scope, mailboxId: id }, all, { limit: 50, after: null })
  assert.deepEqual(
    rows.map((row) => row.id),
    [id],
  )
})

test('a change changes what it names, raises the version, and is found by search', async () => {
  const before = await make('edit@demo.test', { displayName: 'Before', firstName: 'Ann', tags: ['x'] })
  const after = await inTx((tx) =>
    updateMailbox(platform, tx, scope, 'edit@demo.test', { displayName: 'Zyx After', tags: ['y', 'y'] }, 1),
  )
  assert.deepEqual(
    [after.display_name, after.first_name, after.tags, after.version],
    ['Zyx After', 'Ann', ['y'], 2],
  )
  const all = { domain: null, state: null, search: 'zyx aft', tag: null }
  assert.equal((await listMailboxes(platform, scope, all, { limit: 5, after: null })).rows[0]?.id, before.id)
  const cleared = await inTx((tx) => updateMailbox(platform, tx, scope, before.id, { firstName: null }, null))
  assert.deepEqual([cleared.first_name, cleared.display_name, cleared.version], [null, 'Zyx After', 3])
})

test('a change of what someone else changed meanwhile is refused', async () => {
  const { id } = await make('conflict@demo.test')
  const change = (name: string): Promise<Mailbox> =>
    inTx((tx) => updateMailbox(platform, tx, scope, id, { displayName: name }, 1))
  const outcomes = await Promise.allSettled([change('one'), change('two')])
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
  assert.deepEqual(refused, ['edit_conflict'])
  assert.equal((await getMailbox(platform, scope, id)).version, 2)
})

test('one that was restored by hand from its domain’s deletion and deleted again does not come back with the domain', async () => {
  const mailbox = await make('by-hand@demo.test')
  await sql`update mailboxes set deleted_with_domain = true where id = ${mailbox.id}`.execute(db)
  await remove(mailbox.id)
  await restoreMailboxesOf(platform, mailbox.domain_id)
  assert.equal((await getMailbox(platform, scope, mailbox.id)).state, 'deletion_scheduled')
})

test('a deleted mailbox keeps its address and can be restored to what it was', async () => {
  const mailbox = await make('back@demo.test')
  await suspend(mailbox.id)
  const deleted = await remove(mailbox.id)
  assert.equal(deleted.state, 'deletion_scheduled')
  const days = ((deleted.purge_at?.getTime() ?? 0) - platform.clock.now().getTime()) / 86_400_000
  assert.ok(Math.abs(days - restoreDays) < 0.01)
  await assert.rejects(make('back@demo.test'), { code: 'address_taken' })
  await assert.rejects(remove(mailbox.id), { code: 'mailbox_state_conflict' })
  await assert.rejects(suspend(mailbox.id), { code: 'mailbox_state_conflict' })
  await assert.rejects(resume(mailbox.id), { code: 'mailbox_state_conflict' })
  const restored = await restore(mailbox.id)
  assert.deepEqual(
    [restored.state, restored.purge_at, restored.state_before_deletion],
    ['suspended', null, null],
  )
  await assert.rejects(restore(mailbox.id), { code: 'mailbox_state_conflict' })
  assert.deepEqual(await movesOf(mailbox), [
    'active -> suspended',
    'suspended -> deletion_scheduled',
    'deletion_scheduled -> suspended',
  ])
})

test('a mailbox that is deleted for good is gone at once and its address is free', async () => {
  const mailbox = await make('gone@demo.test')
  assert.equal((await remove(mailbox.id, true)).state, 'deleted')
  await assert.rejects(getMailbox(platform, scope, mailbox.id), { code: 'mailbox_not_found' })
  await assert.rejects(restore(mailbox.id), { code: 'mailbox_not_found' })
  await assert.rejects(remove(mailbox.id, true), { code: 'mailbox_not_found' })
  const again = await make('gone@demo.test')
  assert.notEqual(again.id, mailbox.id)
  assert.equal((await getMailbox(platform, scope, 'gone@demo.test')).id, again.id)
})

test('one that is deleted already can still be deleted for good', async () => {
  const mailbox = await make('twice@demo.test')
  await remove(mailbox.id)
  assert.equal((await remove(mailbox.id, true)).state, 'deleted')
})

test('a suspension and its end change nothing when there is nothing to change', async () => {
  const mailbox = await make('switch@demo.test')
  assert.equal((await resume(mailbox.id)).version, 1)
  assert.deepEqual([(await suspend(mailbox.id)).state, (await suspend(mailbox.id)).version], ['suspended', 2])
  assert.equal((await resume(mailbox.id)).state, 'active')
  assert.deepEqual(await movesOf(mailbox), ['active -> suspended', 'suspended -> active'])
})

test('one that waits for its domain cannot be suspended, and is restored to waiting', async () => {
  await inTx((tx) => connectDomain(platform, tx, scope, 'later.example'))
  const { id } = await make('wait@later.example')
  await assert.rejects(suspend(id), { code: 'mailbox_state_conflict' })
  await remove(id)
  assert.equal((await restore(id)).state, 'waiting_domain')
})

test('who may not, cannot', async () => {
  const { id } = await make('guarded@demo.test')
  const ofIt: Scope = { ...scope, mailboxId: id }
  const calls: [what: string, call: (by: Scope) => Promise<unknown>][] = [
    ['delete', (by) => remove(id, false, by)],
    ['purge', (by) => remove(id, true, by)],
    ['restore', (by) => restore(id, by)],
    ['suspend', (by) => suspend(id, by)],
    ['resume', (by) => resume(id, by)],
  ]
  for (const [what, call] of calls) {
    await assert.rejects(call(readOnly), { code: 'forbidden' }, what)
    await assert.rejects(call(ofIt), { code: 'forbidden' }, what)
    await assert.rejects(call(stranger), { code: 'mailbox_not_found' }, what)
  }
  const rename = (by: Scope): Promise<Mailbox> =>
    inTx((tx) => updateMailbox(platform, tx, by, id, { displayName: 'x' }, null))
  await assert.rejects(rename(readOnly), { code: 'forbidden' })
  await assert.rejects(rename(stranger), { code: 'mailbox_not_found' })
  assert.equal((await rename(ofIt)).display_name, 'x')
})

test('a domain has mailboxes as long as one can be restored', async () => {
  const { id: domainId } = await inTx((tx) => connectDomain(platform, tx, scope, 'empty.test'))
  const isNone = (): Promise<boolean> => inTx((tx) => hasNoMailboxes(tx, domainId))
  assert.equal(await isNone(), true)
  const { id } = await make('only@empty.test')
  await remove(id)
  assert.equal(await isNone(), false)
  await remove(id, true)
  assert.equal(await isNone(), true)
})
