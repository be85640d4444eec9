/** Deliveries of every event for every webhook: made in transactions that stay short, and taken in turn. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { beforeAllIds, claimDue } from './claim.ts'
import { materialise } from './materialise.ts'
import { createWebhook } from './webhooks.ts'

const webhooks = 60
const events = 200

let platformTest: TestPlatform
before(async () => {
  platformTest = await startTestPlatform({ MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: String(webhooks) })
})
after(() => platformTest[Symbol.asyncDispose]())

test('much that many hear of is made in parts, and nothing is left out or made twice', async () => {
  const { platform, scope } = platformTest
  const { organizationId, workspaceId } = scope
  await transaction(platform.db, async (tx) => {
    const common = { url: 'https://hooks.example/', description: null, headers: {}, enabled: true }
    const subject = { mailboxIds: null, identityIds: null }
    for (let made = 0; made < webhooks; made++) {
      await createWebhook(platform, tx, scope, { ...common, subject, eventTypes: ['workspace.updated'] })
    }
  })
  const happened = Array.from(
    { length: events },
    (_, index): NewEvent => ({
      type: 'workspace.updated',
      organizationId,
      workspaceId,
      data: { workspace_id: workspaceId, name: `${index}` },
    }),
  )
  await transaction(platform.db, (tx) => appendEvents(platform, tx, happened))
  const largest = 5_000 + webhooks - 1
  for (let made = 0; made < webhooks * events; ) {
    const { deliveries } = await materialise(platform)
    assert.ok(deliveries <= largest, `${deliveries} in one transaction`)
    made += deliveries
    // What else runs on this server may hold back the log for a moment.
    if (deliveries === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { rows } = await sql<{ deliveries: number; events: number }>`
    select count(*)::int as deliveries, count(distinct event_id)::int as events from webhook_deliveries`.execute(
    platform.db,
  )
  assert.deepEqual(rows, [{ deliveries: webhooks * events, events }])
})

test('where fewer can be taken than there are webhooks, those that got nothing are the next', async () => {
  const { platform } = platformTest
  const request = {
    now: platform.clock.now(),
    holdMs: 60_000,
    rowsMax: 40,
    rowsPerWebhook: 10,
    rooms: new Map<string, number>(),
  }
  const first = await claimDue(platform.db, { ...request, after: beforeAllIds })
  assert.equal(first.jobs.length, 40)
  assert.equal(first.webhooks.length, 40)
  const second = await claimDue(platform.db, { ...request, after: first.cursor ?? beforeAllIds })
  assert.equal(second.jobs.length, 40)
  assert.equal(second.webhooks.length, 20)
  assert.equal(new Set([...first.webhooks, ...second.webhooks].map(({ id }) => id)).size, webhooks)
  const third = await claimDue(platform.db, { ...request, after: second.cursor ?? beforeAllIds })
  assert.deepEqual([third.jobs, third.cursor], [[], null], 'the round is over')
})
