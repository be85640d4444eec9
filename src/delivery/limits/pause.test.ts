/** Pausing: by what bounces and is complained about, and by hand; what is queued waits for the resume. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { renameMailbox } from '../../mailboxes/rename.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { eventsOf, inTransaction } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { addresses, setDeliveryPolicy, submit } from '../../testing/test-sending.ts'
import { type CommitLane, startCommitLane } from '../commit-lane.ts'
import { stepsStatement } from '../outbound/steps.ts'
import type { PolicyLevel } from '../policies.ts'
import { admitRecipient } from './admit.ts'
import { pauseSending, resumeSending, settlePaused } from './pause.ts'
import { reviewAfterOutcomes, reviewAll } from './review.ts'
import { domainsOf } from './usage.ts'

let t: TestPlatform
let lane: CommitLane
before(async () => {
  t = await startTestPlatform()
  lane = startCommitLane(t.platform)
})
after(async () => {
  await lane.stop()
  await t[Symbol.asyncDispose]()
})

/** A mailbox on a domain of its own that has queued a message to so many; only that level is paused automatically. */
async function senderOf(
  recipients: number,
  paused: 'mailbox' | 'domain' = 'mailbox',
): Promise<{ box: TestMailbox; level: PolicyLevel; domain: PolicyLevel }> {
  const { id: domainId, name } = await t.connectActiveDomain(
    `d${Math.random().toString(36).slice(2)}.example`,
  )
  const box = await t.createMailbox(`ann@${name}`)
  const off = { pause_bounce_percent: null, pause_complaint_per_mille: null }
  const on = { pause_bounce_percent: 20, pause_complaint_per_mille: 20 }
  await setDeliveryPolicy(t.platform, t.scope, 'workspace', t.scope.workspaceId, off)
  await setDeliveryPolicy(t.platform, t.scope, 'domain', domainId, paused === 'domain' ? on : off)
  await setDeliveryPolicy(t.platform, t.scope, 'mailbox', box.mailboxId, paused === 'mailbox' ? on : off)
  assert.equal((await submit(t.platform, lane, box.owner, addresses(recipients))).kind, 'stored')
  const { organizationId, workspaceId } = t.scope
  return {
    box,
    level: { organizationId, workspaceId, scope: 'mailbox', scopeId: box.mailboxId },
    domain: { organizationId, workspaceId, scope: 'domain', scopeId: domainId },
  }
}

/** As the sending of the queue writes it: so many bounce in this class. */
async function bounce(mailboxId: string, count: number, bounceClass: string): Promise<void> {
  await inTransaction(t.platform, async (tx) => {
    await sql`update outbound_recipients set state = 'bounced', last_class = ${bounceClass},
        finished_at = ${t.platform.clock.now()}
      where id in (select id from outbound_recipients where mailbox_id = ${mailboxId} and state = 'queued'
        order by id limit ${count})`.execute(tx)
    await reviewAfterOutcomes(tx, [mailboxId, mailboxId])
  })
  await runJobs(t.platform)
}

async function states(mailboxId: string): Promise<Record<string, number>> {
  const { rows } = await sql<{ state: string; count: number }>`select state, count(*) as count
    from outbound_recipients where mailbox_id = ${mailboxId} group by state order by state`.execute(
    t.platform.db,
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

const admission = async ({ owner }: TestMailbox): Promise<string> => {
  const refusal = await admitRecipient(t.platform, owner, 'someone@elsewhere.example')
  return refusal === null ? 'admitted' : `${refusal.code} ${refusal.enhanced} ${refusal.text}`
}

test('too many unknown recipients: paused, refused, held; a resume lets everything go', async () => {
  const { box, level } = await senderOf(60)
  await bounce(box.mailboxId, 11, 'unknown_recipient')
  assert.deepEqual(await states(box.mailboxId), { bounced: 11, queued: 49 })
  await bounce(box.mailboxId, 5, 'mailbox_full') // is not the sender's fault
  assert.equal(await admission(box), 'admitted')
  await bounce(box.mailboxId, 1, 'blocked')
  assert.deepEqual(await states(box.mailboxId), { bounced: 17, held: 43 })
  const because = '12 of 60 recipients in a day bounced as unknown, blocked or spam'
  assert.equal(await admission(box), `450 4.7.1 Sending is paused for this mailbox: ${because}`)
  const result = await submit(t.platform, lane, box.owner, addresses(1))
  assert.equal(result.kind === 'refused' && result.code, 450)
  const paused = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'sending.paused')
  assert.deepEqual(
    paused.map(({ data }) => data),
    [{ scope: 'mailbox', scope_id: box.mailboxId, reason: because, by: 'platform' }],
  )
  assert.equal(await inTransaction(t.platform, (tx) => resumeSending(t.platform, tx, level, 'test')), true)
  await runJobs(t.platform)
  assert.deepEqual(await states(box.mailboxId), { bounced: 17, queued: 43 })
  assert.equal(await admission(box), 'admitted')
  await bounce(box.mailboxId, 1, 'spam') // what was before the resume does not count again
  assert.deepEqual(await states(box.mailboxId), { bounced: 18, queued: 42 })
})

test('complaints, found by the scheduled pass; a complaint about one recipient counts once', async () => {
  const { box } = await senderOf(60)
  const complain = (offset: number): Promise<void> =>
    inTransaction(t.platform, async (tx) => {
      const { rows } = await sql<{
        id: string
      }>`select id from outbound_recipients where mailbox_id = ${box.mailboxId}
        order by id offset ${offset} limit 1`.execute(tx)
      const at = t.platform.clock.now()
      const steps = rows.map(({ id }) => ({ recipientId: id, step: 'complained' as const, at, detail: {} }))
      await stepsStatement(steps).execute(tx)
    })
  for (const offset of [0, 0]) await complain(offset)
  await reviewAll(t.platform)
  await runJobs(t.platform)
  assert.equal(await admission(box), 'admitted')
  await complain(1)
  await reviewAll(t.platform)
  await runJobs(t.platform)
  assert.match(await admission(box), /^450 4\.7\.1 .*: 2 of 60 recipients in a day complained$/)
})

test('a domain is paused by what its mailboxes come to; below the minimum nothing is', async () => {
  const { box, domain } = await senderOf(30, 'domain')
  const second = await t.createMailbox(box.address.replace('ann@', 'bob@'))
  const off = { pause_bounce_percent: null }
  await setDeliveryPolicy(t.platform, t.scope, 'mailbox', second.mailboxId, off)
  assert.equal((await submit(t.platform, lane, second.owner, addresses(30))).kind, 'stored')
  await bounce(box.mailboxId, 8, 'unknown_recipient')
  assert.equal(await admission(second), 'admitted')
  await bounce(second.mailboxId, 4, 'unknown_recipient')
  assert.match(await admission(box), /^450 4\.7\.1 Sending is paused for this domain: 12 of 60 /)
  assert.deepEqual(await states(box.mailboxId), { bounced: 8, held: 22 })
  await inTransaction(t.platform, (tx) => resumeSending(t.platform, tx, domain, 'test'))
  await runJobs(t.platform)
  assert.deepEqual(await states(second.mailboxId), { bounced: 4, queued: 26 })
})

test('by hand, on two levels: held until both are resumed; what was held by hand stays', async () => {
  const { box, level, domain } = await senderOf(3)
  await sql`update outbound_recipients set state = 'held', held_reason = 'held by hand' where id = (
    select id from outbound_recipients where mailbox_id = ${box.mailboxId} order by id limit 1)`.execute(
    t.platform.db,
  )
  const pause = (at: PolicyLevel, reason: string): Promise<boolean> =>
    inTransaction(t.platform, (tx) => pauseSending(t.platform, tx, at, { by: 'test', reason }))
  assert.deepEqual(
    [await pause(level, 'first'), await pause(level, 'second'), await pause(domain, 'x')],
    [true, false, true],
  )
  await runJobs(t.platform)
  assert.deepEqual(await states(box.mailboxId), { held: 3 })
  assert.equal(await admission(box), '450 4.7.1 Sending is paused for this mailbox: first')
  for (const [at, expected] of [
    [domain, { held: 3 }],
    [level, { held: 1, queued: 2 }],
  ] as const) {
    await inTransaction(t.platform, (tx) => resumeSending(t.platform, tx, at, 'test'))
    await runJobs(t.platform)
    assert.deepEqual(await states(box.mailboxId), expected)
  }
  assert.equal(await inTransaction(t.platform, (tx) => resumeSending(t.platform, tx, level, 'test')), false)
})

test('what comes back to the queue while its sender is paused is held by the pass; forwards go on', async () => {
  const { box, level } = await senderOf(1)
  await submit(t.platform, lane, box.owner, addresses(1), { kind: 'forward' })
  await sql`update outbound_recipients set state = 'sending' where mailbox_id = ${box.mailboxId}
    and outbound_message_id in (select id from outbound_messages where kind = 'submission')`.execute(
    t.platform.db,
  )
  await inTransaction(t.platform, (tx) => pauseSending(t.platform, tx, level, { by: 'test', reason: 'x' }))
  await runJobs(t.platform)
  assert.deepEqual(await states(box.mailboxId), { queued: 1, sending: 1 })
  await sql`update outbound_recipients set state = 'queued' where mailbox_id = ${box.mailboxId}`.execute(
    t.platform.db,
  )
  await settlePaused(t.platform)
  assert.deepEqual(await states(box.mailboxId), { held: 1, queued: 1 })
})

test('a mailbox that is renamed out of a paused domain sends again, and one into it does no more', async () => {
  const { box, domain } = await senderOf(3)
  const other = await senderOf(2)
  const pausedBy = { by: 'test', reason: 'for a while' }
  await inTransaction(t.platform, (tx) => pauseSending(t.platform, tx, domain, pausedBy))
  await runJobs(t.platform)
  assert.deepEqual(await states(box.mailboxId), { held: 3 })
  const domainOf = ({ address }: TestMailbox): string => address.slice(address.indexOf('@'))
  const move = (who: TestMailbox, to: string) =>
    inTransaction(t.platform, (tx) =>
      renameMailbox(t.platform, tx, t.scope, who.mailboxId, { address: to, aliasDays: 0 }),
    )
  await move(other.box, `other${domainOf(box)}`)
  await move(box, `moved${domainOf(other.box)}`)
  await runJobs(t.platform)
  await settlePaused(t.platform)
  assert.deepEqual(
    [await states(box.mailboxId), await states(other.box.mailboxId)],
    [{ queued: 3 }, { held: 2 }],
  )
  assert.equal(await admission(box), 'admitted')
  assert.match(await admission(other.box), /^450 4\.7\.1 .*for a while/)
})

test('a rename that this node has not heard of is seen a minute later', async (context) => {
  const { box } = await senderOf(1)
  const { domain: to } = await senderOf(1)
  const domainOf = async () =>
    (await domainsOf(t.platform, t.platform.db, [box.mailboxId])).get(box.mailboxId)
  const before = await domainOf()
  // As another node would, with its event lost.
  await t.platform.db
    .updateTable('mailboxes')
    .set({ domain_id: to.scopeId })
    .where('id', '=', box.mailboxId)
    .execute()
  assert.equal(await domainOf(), before)
  const later = performance.now() + 60_000
  context.mock.method(performance, 'now', () => later)
  assert.equal(await domainOf(), to.scopeId)
})
