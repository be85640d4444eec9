/** Limits where they hold: in the transaction that queues, whatever runs beside it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { addresses, setDeliveryPolicy, submit } from '../../testing/test-sending.ts'
import { type CommitLane, type DeliveryResult, startCommitLane } from '../commit-lane.ts'
import type { DeliveryPolicySettings } from '../policies.ts'
import { admitRecipient } from './admit.ts'
import { deleteOldCounters, forgetPurgedSenders } from './clean-up.ts'
import { forgetSentRecipients } from './sent-recipients.ts'
import { readUsage } from './usage.ts'

let t: TestPlatform
/** Two nodes' lanes, as far as the database can tell. */
let lanes: CommitLane[]
before(async () => {
  t = await startTestPlatform()
  lanes = [startCommitLane(t.platform), startCommitLane(t.platform)]
})
after(async () => {
  for (const lane of lanes) await lane.stop()
  await t[Symbol.asyncDispose]()
})

const laneOf = (at: number): CommitLane => lanes[at % lanes.length] ?? assert.fail('no lane')

async function sender(settings: DeliveryPolicySettings): Promise<TestMailbox> {
  const box = await t.createMailbox()
  await setDeliveryPolicy(t.platform, t.scope, 'mailbox', box.mailboxId, settings)
  return box
}

const kinds = (results: readonly DeliveryResult[]): string =>
  results.map((one) => (one.kind === 'refused' ? `${one.code}` : one.kind)).join(' ')

async function queued(mailboxId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from outbound_recipients where mailbox_id = ${mailboxId}`.execute(t.platform.db)
  return rows[0]?.count ?? 0
}

test('many at the same moment over two lanes: exactly as many as the limit are queued', async () => {
  const box = await sender({ mailbox_per_hour: 25 })
  const results = await Promise.all(
    Array.from({ length: 60 }, (_, at) => submit(t.platform, laneOf(at), box.owner, addresses(1))),
  )
  assert.equal(results.filter(({ kind }) => kind === 'stored').length, 25)
  assert.equal(results.filter(({ kind }) => kind === 'refused').length, 35)
  assert.equal(await queued(box.mailboxId), 25)
})

test('a message that does not fit leaves its place to a smaller one of the same batch', async () => {
  const box = await sender({ mailbox_per_day: 5 })
  const sizes = [3, 3, 2, 1]
  const results = await Promise.all(
    sizes.map((size) => submit(t.platform, laneOf(0), box.owner, addresses(size))),
  )
  assert.equal(kinds(results), 'stored 452 stored 452')
  assert.equal(await queued(box.mailboxId), 5)
})

test('the same recipient gets so many messages of a mailbox in a day, others have their own', async () => {
  const box = await sender({ mailbox_recipient_per_day: 2 })
  const [first = '', second = ''] = addresses(2)
  const results = await Promise.all(
    [[first], [first, second], [first], [second], [second]].map((to) =>
      submit(t.platform, laneOf(0), box.owner, to),
    ),
  )
  assert.equal(kinds(results), 'stored stored 452 stored 452')
  assert.equal(await queued(box.mailboxId), 4)
  const refused = results.flatMap((one) => (one.kind === 'refused' ? one.text : []))
  for (const text of refused) {
    assert.match(
      text,
      /^The mailbox may send 2 messages to the same recipient in a day; come again at \d{4}-/,
    )
  }
  const other = await sender({ mailbox_recipient_per_day: 2 })
  assert.equal((await submit(t.platform, laneOf(0), other.owner, [first])).kind, 'stored')
  const admitted = await admitRecipient(t.platform, box.owner, first)
  assert.deepEqual([admitted?.code, admitted?.enhanced], [452, '4.7.1'])
  assert.equal(await admitRecipient(t.platform, other.owner, first), null)
  assert.match((await admitRecipient(t.platform, other.owner, first))?.text ?? '', /same recipient/)
})

test('the limits of a domain and a workspace count all their mailboxes', async () => {
  const boxes = await Promise.all([0, 1].map(() => t.createMailbox()))
  const { rows } = await sql<{ id: string }>`select domain_id as id from mailboxes
    where id = ${boxes[0]?.mailboxId}`.execute(t.platform.db)
  const domainId = rows[0]?.id ?? ''
  const used = await readUsage(t.platform.db, [domainId, t.scope.workspaceId], t.platform.clock.now())
  for (const scope of ['domain', 'workspace'] as const) {
    const id = scope === 'domain' ? domainId : t.scope.workspaceId
    const now = used.get(id)?.hour.current ?? 0
    const queuedBefore = scope === 'domain' ? 0 : 3
    await setDeliveryPolicy(t.platform, t.scope, scope, id, { [`${scope}_per_hour`]: now + queuedBefore + 3 })
    const results: DeliveryResult[] = []
    for (const box of [...boxes, ...boxes]) {
      results.push(await submit(t.platform, laneOf(0), box.owner, addresses(1)))
    }
    assert.equal(kinds(results), 'stored stored stored 452', scope)
    assert.match(JSON.stringify(results[3]), new RegExp(`The ${scope} may send to`))
    await setDeliveryPolicy(t.platform, t.scope, scope, id, {})
  }
})

test('forwards and reports do not count', async () => {
  const box = await sender({ mailbox_per_hour: 1 })
  for (const kind of ['forward', 'notification'] as const) {
    const result = await submit(t.platform, laneOf(0), box.owner, addresses(3), { kind })
    assert.equal(result.kind, 'stored')
  }
  assert.equal(kinds([await submit(t.platform, laneOf(0), box.owner, addresses(1))]), 'stored')
})

test('new recipients: an address is new once, in one batch too', async () => {
  const box = await sender({ mailbox_new_per_day: 2 })
  const [a = '', b = '', c = ''] = addresses(3)
  const send = (...to: string[]): Promise<DeliveryResult> => submit(t.platform, laneOf(0), box.owner, to)
  assert.equal(
    kinds(await Promise.all([send(a, b), send(a), send(b, c), send(b)])),
    'stored stored 452 stored',
  )
  assert.equal(kinds([await send(a), await send(c)]), 'stored 452')
  assert.match(JSON.stringify(await send(c)), /may write to 2 recipients that are new to it in a day/)
})

test('time goes by: windows slide, ramp-up rises, a year forgets whom a mailbox wrote to', async () => {
  const box = await sender({ ramp_up_start: 4, ramp_up_percent: 100, mailbox_new_per_day: 50 })
  const send = (count: number): Promise<DeliveryResult> =>
    submit(t.platform, laneOf(0), box.owner, addresses(count))
  assert.equal(kinds([await send(4), await send(1)]), 'stored 452')
  t.platform.clock.advance?.('P2D')
  assert.equal(kinds([await send(17), await send(16), await send(1)]), '452 stored 452')
  t.platform.clock.advance?.('P3D')
  const hourly = await sql<{ count: number }>`select count(*) as count from sending_counters
    where scope_id = ${box.mailboxId}`.execute(t.platform.db)
  assert.equal(hourly.rows[0]?.count, 4)
  assert.ok((await deleteOldCounters(t.platform)) >= 4)
  assert.equal(await forgetSentRecipients(t.platform), 0)
  t.platform.clock.advance?.('P1Y')
  assert.ok((await forgetSentRecipients(t.platform)) >= 20)
})

test('of a mailbox that is purged nothing is remembered, of the others everything', async () => {
  const [gone, stays] = [await sender({}), await sender({})]
  for (const { owner } of [gone, stays]) await submit(t.platform, laneOf(0), owner, addresses(2))
  await sql`update mailboxes set state = 'deleted' where id = ${gone.mailboxId}`.execute(t.platform.db)
  assert.equal(await forgetPurgedSenders(t.platform), 1)
  const { rows } = await sql<{ mailbox_id: string }>`select mailbox_id from sent_recipients
    where mailbox_id in (${gone.mailboxId}, ${stays.mailboxId})`.execute(t.platform.db)
  assert.deepEqual(
    rows.map(({ mailbox_id: id }) => id),
    [stays.mailboxId, stays.mailboxId],
  )
})
