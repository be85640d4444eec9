/** Time passes: periods of mailboxes over years, through the API alone. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { activateWaitingMailboxes } from '../mailboxes/domain-activation.ts'
import { beginMissingPeriods } from '../mailboxes/period-ends.ts'
import { addDuration } from '../platform/clock.ts'
import { transaction } from '../platform/database.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { handlersWith } from '../testing/test-jobs.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  // To the first of a month, so that months may be added to each other.
  const now = api.platform.clock.now()
  const first = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1, 6)
  await pass(`PT${Math.ceil((first - now.getTime()) / 1000)}S`)
})
after(() => api[Symbol.asyncDispose]())

const create = (body: object): Promise<Reply> => api.call('POST', '/v1/mailboxes', { body })
const get = async (address: string): Promise<unknown> =>
  (await api.call('GET', `/v1/mailboxes/${address}`)).json
const patch = (address: string, body: object): Promise<Reply> =>
  api.call('PATCH', `/v1/mailboxes/${address}`, { body })
const post = (address: string, action: string, body?: object): Promise<Reply> =>
  api.call('POST', `/v1/mailboxes/${address}/${action}`, { body })

/** Moves the time forward and does what is due then. */
async function pass(duration: string): Promise<void> {
  assert.equal((await api.call('POST', '/v1/test/clock', { body: { advance: duration } })).status, 200)
  await runPeriods()
}

const runPeriods = (): Promise<void> => handlersWith({})['mailbox.end_periods'](api.platform, {})

const periodOf = (json: unknown): unknown[] =>
  ['state', 'period', 'next_period', 'period_ends_at', 'cancel_at_period_end'].map((name) => at(json, name))

const later = (json: unknown, duration: string, from = 'period_ends_at'): string =>
  addDuration(new Date(textAt(json, from)), duration).toISOString()

/** That a period ends so much after the mailbox has come back, which is two looks at the clock. */
function assertBegunAnew(json: unknown, duration: string): void {
  const wanted = new Date(later(json, duration, 'state_changed_at')).getTime()
  assert.ok(Math.abs(new Date(textAt(json, 'period_ends_at')).getTime() - wanted) < 10_000)
}

/** Of one mailbox, its events of a type. */
async function eventsOf(json: unknown, type: string): Promise<unknown[]> {
  const { rows } = await sql<{ data: unknown }>`select data from events
    where mailbox_id = ${textAt(json, 'id')} and type = ${type} order by id`.execute(api.platform.db)
  return rows.map(({ data }) => data)
}

test('a period begins with the mailbox, and the next behind it', async () => {
  const monthly = (await create({ address: 'm@demo.test' })).json
  const yearly = (await create({ address: 'y@demo.test', period: 'yearly' })).json
  assert.deepEqual(periodOf(monthly), ['active', 'monthly', null, later(monthly, 'P1M', 'created_at'), false])
  assert.deepEqual(periodOf(yearly), ['active', 'yearly', null, later(yearly, 'P1Y', 'created_at'), false])
  await pass('P27D')
  assert.deepEqual(await get('m@demo.test'), monthly)
  await pass('P5D')
  const renewed = await get('m@demo.test')
  assert.deepEqual(periodOf(renewed), ['active', 'monthly', null, later(monthly, 'P1M'), false])
  assert.deepEqual(await eventsOf(monthly, 'mailbox.period_renewed'), [
    {
      mailbox_id: textAt(monthly, 'id'),
      address: 'm@demo.test',
      period: 'monthly',
      periods: 1,
      began_at: textAt(monthly, 'period_ends_at'),
      period_ends_at: textAt(renewed, 'period_ends_at'),
    },
  ])
  assert.deepEqual(await get('y@demo.test'), yearly)
  await runPeriods()
  assert.deepEqual(await get('m@demo.test'), renewed)
})

test('after a long stand-still several periods are renewed at once', async () => {
  const made = (await create({ address: 'still@demo.test' })).json
  await pass('P14M')
  assert.equal(textAt(await get('still@demo.test'), 'period_ends_at'), later(made, 'P14M'))
  const [event, ...more] = await eventsOf(made, 'mailbox.period_renewed')
  assert.deepEqual([at(event, 'periods'), more], [14, []])
})

test('another period is the next one, and can be taken back until then', async () => {
  const made = (await create({ address: 'up@demo.test' })).json
  const ends = textAt(made, 'period_ends_at')
  const up = await patch('up@demo.test', { period: 'yearly' })
  assert.deepEqual(periodOf(up.json), ['active', 'monthly', 'yearly', ends, false])
  const back = await patch('up@demo.test', { period: 'monthly' })
  assert.deepEqual(periodOf(back.json), ['active', 'monthly', null, ends, false])
  await patch('up@demo.test', { period: 'yearly' })
  await pass('P32D')
  assert.deepEqual(periodOf(await get('up@demo.test')), ['active', 'yearly', null, later(made, 'P1Y'), false])
  await patch('up@demo.test', { period: 'monthly' })
  assert.deepEqual(periodOf(await get('up@demo.test')), [
    'active',
    'yearly',
    'monthly',
    later(made, 'P1Y'),
    false,
  ])
  await pass('P1Y')
  const down = await get('up@demo.test')
  assert.deepEqual(periodOf(down).slice(0, 3), ['active', 'monthly', null])
  assert.ok(textAt(down, 'period_ends_at') > api.platform.clock.now().toISOString())
  assert.ok(textAt(down, 'period_ends_at') <= addDuration(api.platform.clock.now(), 'P1M').toISOString())
})

test('what is canceled works until its period ends, and then can be restored for the days that its workspace says', async () => {
  await sql`insert into mailbox_settings (workspace_id, totp_codes_shown, rename_alias_days, restore_days)
    values (${api.scope.workspaceId}, false, 90, 12)`.execute(api.platform.db)
  const made = (await create({ address: 'cancel@demo.test', tags: ['x'] })).json
  const ends = textAt(made, 'period_ends_at')
  const preview = await post('cancel@demo.test', 'cancel', { preview: true })
  assert.deepEqual(at(preview.json, 'objects'), [
    {
      type: 'mailbox',
      action: 'delete',
      id: textAt(made, 'id'),
      name: 'cancel@demo.test',
      state: 'deletion_scheduled',
      at: ends,
    },
  ])
  assert.deepEqual(await get('cancel@demo.test'), made)
  const canceled = await post('cancel@demo.test', 'cancel')
  assert.deepEqual(periodOf(canceled.json), ['active', 'monthly', null, ends, true])
  assert.deepEqual((await post('cancel@demo.test', 'cancel')).json, canceled.json)
  assert.equal((await eventsOf(made, 'mailbox.cancellation_scheduled')).length, 1)
  await pass('P32D')
  const gone = await get('cancel@demo.test')
  assert.equal(at(gone, 'state'), 'deletion_scheduled')
  assert.equal(textAt(gone, 'purge_at'), later(gone, 'P12D', 'state_changed_at'))
  assert.deepEqual(await eventsOf(made, 'mailbox.period_renewed'), [])
  assert.equal((await eventsOf(made, 'mailbox.state_changed')).length, 1)
  for (const action of ['cancel', 'keep'])
    assert.equal(refusal(await post('cancel@demo.test', action)), '409 mailbox_state_conflict')
  assert.equal(refusal(await patch('cancel@demo.test', { period: 'yearly' })), '409 mailbox_state_conflict')
  const back = (await post('cancel@demo.test', 'restore')).json
  assert.deepEqual(periodOf(back).slice(0, 3), ['active', 'monthly', null])
  assert.deepEqual([at(back, 'cancel_at_period_end'), at(back, 'tags')], [false, ['x']])
  assertBegunAnew(back, 'P1M')
})

test('a cancellation is taken back, and the mailbox renewed', async () => {
  const made = (await create({ address: 'keep@demo.test' })).json
  const ends = textAt(made, 'period_ends_at')
  assert.deepEqual((await post('keep@demo.test', 'keep')).json, made)
  const canceled = await post('keep@demo.test', 'cancel', { at: 'period_end' })
  const preview = await post('keep@demo.test', 'keep', { preview: true })
  assert.deepEqual(
    [at(preview.json, 'objects', 0, 'action'), at(preview.json, 'objects', 0, 'at')],
    ['renew', ends],
  )
  assert.deepEqual(await get('keep@demo.test'), canceled.json)
  assert.equal(at((await post('keep@demo.test', 'keep')).json, 'cancel_at_period_end'), false)
  assert.equal((await eventsOf(made, 'mailbox.cancellation_withdrawn')).length, 1)
  await pass('P32D')
  assert.equal(at(await get('keep@demo.test'), 'period_ends_at'), later(made, 'P1M'))
})

test('canceled now is deleted; restored within its period it is as it was', async () => {
  const made = (await create({ address: 'now@demo.test' })).json
  const canceled = (await post('now@demo.test', 'cancel')).json
  const preview = await post('now@demo.test', 'cancel', { at: 'now', preview: true })
  assert.deepEqual(
    [at(preview.json, 'objects', 0, 'action'), at(preview.json, 'objects', 0, 'at')],
    ['delete', undefined],
  )
  assert.deepEqual(await get('now@demo.test'), canceled)
  const gone = await post('now@demo.test', 'cancel', { at: 'now' })
  assert.equal(at(gone.json, 'state'), 'deletion_scheduled')
  const back = await post('now@demo.test', 'restore')
  assert.deepEqual(periodOf(back.json), ['active', 'monthly', null, textAt(made, 'period_ends_at'), true])
})

test('what was deleted is not renewed, and begins anew when it comes back', async () => {
  const made = (await create({ address: 'away@demo.test' })).json
  await pass('P25D')
  await patch('away@demo.test', { period: 'yearly' })
  await api.call('DELETE', '/v1/mailboxes/away@demo.test')
  await pass('P10D')
  assert.deepEqual(await eventsOf(made, 'mailbox.period_renewed'), [])
  const back = (await post('away@demo.test', 'restore')).json
  assert.deepEqual(periodOf(back), ['active', 'yearly', null, at(back, 'period_ends_at'), false])
  assertBegunAnew(back, 'P1Y')
})

test('what goes with its domain and comes back with it begins anew, too', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'away.test' } })
  await create({ address: 'a@away.test' })
  await pass('P25D')
  const deleted = await api.call('DELETE', '/v1/domains/away.test?with_mailboxes=true')
  assert.equal(deleted.status, 200)
  await pass('P10D')
  assert.equal((await api.call('POST', '/v1/domains/away.test/restore')).status, 200)
  const back = await get('a@away.test')
  assert.deepEqual(periodOf(back), ['active', 'monthly', null, at(back, 'period_ends_at'), false])
  assertBegunAnew(back, 'P1M')
})

test('a mailbox that waits has no period until it is active', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'wait.example' } })
  const made = (await create({ address: 'w@wait.example' })).json
  assert.deepEqual(periodOf(made), ['waiting_domain', 'monthly', null, null, false])
  for (const action of ['cancel', 'keep'])
    assert.equal(refusal(await post('w@wait.example', action)), '409 mailbox_state_conflict')
  const yearly = await patch('w@wait.example', { period: 'yearly' })
  assert.deepEqual(periodOf(yearly.json), ['waiting_domain', 'yearly', null, null, false])
  await pass('P40D')
  assert.deepEqual(periodOf(await get('w@wait.example')), ['waiting_domain', 'yearly', null, null, false])
  await sql`update domains set state = 'active' where name = 'wait.example'`.execute(api.platform.db)
  await activateWaitingMailboxes(api.platform, textAt(made, 'domain_id'))
  const active = await get('w@wait.example')
  assert.deepEqual(periodOf(active), [
    'active',
    'yearly',
    null,
    later(active, 'P1Y', 'state_changed_at'),
    false,
  ])
})

test('whatever makes a mailbox active, its period begins at that moment', async () => {
  await create({ address: 'other@demo.test' })
  await sql`update mailboxes set period_ends_at = null, period_anchor_at = null, state_changed_at = '2027-01-31T09:00Z'
    where address = 'other@demo.test'`.execute(api.platform.db)
  assert.equal(await beginMissingPeriods(api.platform), 1)
  assert.equal(textAt(await get('other@demo.test'), 'period_ends_at'), '2027-02-28T09:00:00.000Z')
})

test('a suspended mailbox is renewed, and removed where it is canceled', async () => {
  const made = (await create({ address: 'susp@demo.test' })).json
  await post('susp@demo.test', 'suspend')
  await pass('P32D')
  assert.deepEqual(periodOf(await get('susp@demo.test')), [
    'suspended',
    'monthly',
    null,
    later(made, 'P1M'),
    false,
  ])
  await post('susp@demo.test', 'cancel')
  await pass('P32D')
  assert.equal(at(await get('susp@demo.test'), 'state'), 'deletion_scheduled')
  assert.equal(at((await post('susp@demo.test', 'restore')).json, 'state'), 'suspended')
})

test('thousands end together, whatever others hold and whoever else does it', async () => {
  const mailboxes = Array.from({ length: 2500 }, (_, n) => ({
    address: `set${n}@demo.test`,
    ...(n % 2 === 0 ? { period: 'yearly' } : {}),
  }))
  await create({ mailboxes })
  await sql`update mailboxes set cancel_at_period_end = true where address like 'set%5@demo.test'`.execute(
    api.platform.db,
  )
  await api.call('POST', '/v1/test/clock', { body: { advance: 'P32D' } })
  await transaction(api.platform.db, async (tx) => {
    await sql`select 1 from mailboxes where address = 'set1@demo.test' for update`.execute(tx)
    await Promise.all([runPeriods(), runPeriods()])
  })
  await runPeriods()
  const { rows } =
    await sql`select state, period, count(*)::int as count, count(distinct date_trunc('hour', period_ends_at))::int as ends
    from mailboxes where address like 'set%@demo.test' group by state, period order by state, period`.execute(
      api.platform.db,
    )
  assert.deepEqual(rows, [
    { state: 'active', period: 'monthly', count: 1000, ends: 1 },
    { state: 'active', period: 'yearly', count: 1250, ends: 1 },
    { state: 'deletion_scheduled', period: 'monthly', count: 250, ends: 1 },
  ])
  const { rows: events } = await sql`select type, count(*)::int as count from events
    where data ->> 'address' like 'set%' and type <> 'mailbox.created' group by type order by type`.execute(
    api.platform.db,
  )
  assert.deepEqual(events, [
    { type: 'mailbox.period_renewed', count: 1000 },
    { type: 'mailbox.state_changed', count: 250 },
  ])
})

test('keys that only read, or have one mailbox alone, cancel nothing', async () => {
  const made = (await create({ address: 'keys@demo.test' })).json
  const mailboxId = textAt(made, 'id')
  for (const key of [
    await api.key({ access: 'read' }),
    await api.key({ workspaceId: api.scope.workspaceId, mailboxId }),
  ]) {
    for (const action of ['cancel', 'keep']) {
      const reply = await api.call('POST', `/v1/mailboxes/keys@demo.test/${action}`, { key })
      assert.equal(refusal(reply), '403 forbidden')
    }
  }
  for (const body of [{ at: 'tomorrow' }, { preview: 1 }, { when: 'now' }])
    assert.equal(refusal(await post('keys@demo.test', 'cancel', body)), '400 invalid_request')
})
