/** Connections go round: an endpoint with much to be sent, which takes all of them, does not keep the others waiting. */
import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { createPulse } from '../testing/test-pulse.ts'
import { runWebhooks, startEndpoint } from '../testing/test-webhooks.ts'
import { createWebhook } from './webhooks.ts'

const connections = 20

let platformTest: TestPlatform
const stack = new AsyncDisposableStack()
before(async () => {
  platformTest = await startTestPlatform({
    MAILWRIGHT_WEBHOOK_NETWORKS: 'any',
    MAILWRIGHT_WEBHOOK_TIMEOUT: '60s',
    MAILWRIGHT_WEBHOOK_CONCURRENCY: String(connections),
    MAILWRIGHT_WEBHOOK_CONNECTIONS: String(connections),
  })
  stack.use(platformTest)
})
after(() => stack.disposeAsync())

async function happen(type: 'workspace.updated' | 'workspace.created', count: number): Promise<void> {
  const { platform, scope } = platformTest
  const { organizationId, workspaceId } = scope
  const data = { workspace_id: workspaceId, name: 'x' }
  const events = Array.from({ length: count }, (): NewEvent => ({ type, organizationId, workspaceId, data }))
  await transaction(platform.db, (tx) => appendEvents(platform, tx, events))
}

async function make(url: string, type: string): Promise<string> {
  const { platform, scope } = platformTest
  const common = { description: null, headers: {}, enabled: true, eventTypes: [type] }
  const subject = { mailboxIds: null, identityIds: null }
  const { webhook } = await transaction(platform.db, (tx) =>
    createWebhook(platform, tx, scope, { ...common, subject, url }),
  )
  return webhook.id
}

/** An endpoint that answers when it is told to. */
async function startPatient() {
  const open: ServerResponse[] = []
  let asked = 0
  const pulse = createPulse()
  const server = createServer((incoming, outgoing) => {
    incoming.resume()
    open.push(outgoing)
    asked++
    pulse.beat()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the endpoint has no port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    begun: (count: number) => pulse.until(() => asked >= count),
    count: () => asked,
    answerOne: () => void open.shift()?.writeHead(204).end(),
  }
}

test('who comes later gets one of the next connections that become free', async () => {
  const { platform } = platformTest
  await runWebhooks(stack, platform) // stopped last: it waits for what is answered never
  const busy = await startPatient()
  await using late = await startEndpoint()
  await make(busy.url, 'workspace.updated')
  const lateId = await make(late.url, 'workspace.created')
  await happen('workspace.updated', 300)
  await busy.begun(connections)
  busy.answerOne() // it has shown that it is there: more of what it gets is claimed beforehand
  await busy.begun(connections + 1)
  await happen('workspace.created', 1)
  for (;;) {
    const { rows } = await sql`select from webhook_deliveries
      where webhook_id = ${lateId}::uuid and claim is not null`.execute(platform.db)
    if (rows.length > 0) break
    busy.answerOne()
    await sleep(20)
  }
  await sleep(100) // until it is in its lane
  const before = busy.count()
  while (late.received.length === 0 && busy.count() - before < connections) {
    const next = busy.count() + 1
    busy.answerOne()
    await Promise.race([busy.begun(next), late.count(1)])
  }
  assert.equal(late.received.length, 1)
})
