/** One endpoint that hangs, with much that waits for it, is not felt by the others. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { runWebhooks, startEndpoint } from '../testing/test-webhooks.ts'
import { cleanUpWebhooks } from './clean-up.ts'
import { webhookPolicy } from './policy.ts'
import { createWebhook } from './webhooks.ts'

const live = 200
const waitingForDead = 3_000
const concurrency = 4

let platformTest: TestPlatform
const stack = new AsyncDisposableStack()
before(async () => {
  platformTest = await startTestPlatform({
    MAILWRIGHT_WEBHOOK_NETWORKS: 'any',
    MAILWRIGHT_WEBHOOK_TIMEOUT: '4s',
    MAILWRIGHT_WEBHOOK_CONCURRENCY: String(concurrency),
    MAILWRIGHT_WEBHOOK_CONNECTIONS: '20',
    MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: String(live + 1),
  })
  stack.use(platformTest)
})
after(() => stack.disposeAsync())

async function happen(names: readonly string[]): Promise<void> {
  const { platform, scope } = platformTest
  const { organizationId, workspaceId } = scope
  const events = names.map(
    (name): NewEvent => ({
      type: 'workspace.updated',
      organizationId,
      workspaceId,
      data: { workspace_id: workspaceId, name },
    }),
  )
  await transaction(platform.db, (tx) => appendEvents(platform, tx, events))
}

async function make(urls: readonly string[]): Promise<string[]> {
  const { platform, scope } = platformTest
  const common = { description: null, headers: {}, enabled: true, eventTypes: ['workspace.updated'] }
  const subject = { mailboxIds: null, identityIds: null }
  return await transaction(platform.db, async (tx) => {
    const ids: string[] = []
    for (const url of urls) {
      ids.push((await createWebhook(platform, tx, scope, { ...common, subject, url })).webhook.id)
    }
    return ids
  })
}

test('the live ones get theirs while the dead one hangs', async () => {
  const { platform } = platformTest
  await using dead = await startEndpoint(() => 'hang')
  await using alive = await startEndpoint()
  const [deadId = ''] = await make([dead.url])
  await runWebhooks(stack, platform)
  await happen(Array.from({ length: waitingForDead }, (_, index) => `early ${index}`))
  await dead.count(1)
  await make(Array.from({ length: live }, (_, index) => `${alive.url}/${index}`))
  await happen(['late'])
  const reached = (all: readonly { path: string; body: string }[]): boolean =>
    new Set(all.filter(({ body }) => body.includes('"late"')).map(({ path }) => path)).size === live
  await alive.until(reached)
  // Each request that hangs takes a connection for seconds: it had its own share of these and no more.
  const { failuresUntilBlocked } = webhookPolicy
  assert.ok(dead.received.length <= failuresUntilBlocked + 2 * concurrency, String(dead.received.length))
  const { rows } = await sql<{ queued: number }>`
    select count(*)::int as queued from webhook_deliveries where webhook_id = ${deadId}::uuid and state = 'queued'`.execute(
    platform.db,
  )
  assert.equal(rows[0]?.queued, waitingForDead + 1, 'nothing of it is lost')

  const later = new Date(platform.clock.now().getTime() + 4 * 86_400_000)
  await cleanUpWebhooks({ ...platform, clock: { ...platform.clock, now: () => later } })
  const { rows: failed } = await sql<{ failed: number }>`
    select count(*)::int as failed from webhook_deliveries where webhook_id = ${deadId}::uuid and state = 'failed'`.execute(
    platform.db,
  )
  assert.equal(failed[0]?.failed, waitingForDead + 1, 'what could never be tried fails in its time')
})
