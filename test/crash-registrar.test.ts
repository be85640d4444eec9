/** kill -9 between a purchase at a registrar and its commit here: the next node finds it there and does not buy it again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openPlatform } from '../src/open-platform.ts'
import { callApi, startChildServer } from '../src/testing/child-server.ts'
import type { JsonReply } from '../src/testing/json-server.ts'
import { startPorkbunStandIn } from '../src/testing/porkbun-stand-in.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { handlersWith, runJobs } from '../src/testing/test-jobs.ts'
import { testConfig } from '../src/testing/test-platform.ts'

test('a node dies with a purchase on its way back', async () => {
  await using stack = new AsyncDisposableStack()
  const porkbun = stack.use(await startPorkbunStandIn())
  const environment = {
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_REGISTRARS: 'porkbun',
    MAILWRIGHT_PORKBUN_API_KEY: porkbun.keys.api,
    MAILWRIGHT_PORKBUN_SECRET_KEY: porkbun.keys.secret,
    MAILWRIGHT_PORKBUN_API_URL: porkbun.url,
  }
  const server = await startChildServer(environment.MAILWRIGHT_DATA_DIR, environment)
  stack.defer(() => server.kill())
  // The answer is held back until the node that waits for it is dead.
  const bought = Promise.withResolvers<void>()
  const died = Promise.withResolvers<JsonReply>()
  const reply = (): Promise<JsonReply> => {
    bought.resolve()
    return died.promise
  }
  porkbun.next.set('create', { when: 'then', reply })
  await callApi(server, 'POST', '/v1/domains/register', {
    name: 'crash.example',
    expected_price: { amount: 1108, currency: 'USD' },
  })
  await bought.promise
  await server.kill()
  died.resolve('lost')

  const { platform } = stack.use(await openPlatform(testConfig(environment)))
  const handlers = handlersWith({})
  const resume = async (): Promise<string | undefined> => {
    platform.clock.advance?.('PT20M')
    await handlers['orders.resume'](platform, {})
    await runJobs(platform, handlers)
    const { rows } = await sql<{ state: string }>`select state from domain_orders`.execute(platform.db)
    return rows[0]?.state
  }
  assert.equal(await resume(), 'sent', 'its lease may be that of a node that lives')
  await sql`update domain_orders set leased_until = now() - interval '1 second'`.execute(platform.db)
  assert.equal(await resume(), 'done')
  assert.deepEqual(
    porkbun.charges.map(({ name }) => name),
    ['crash.example'],
  )
  assert.equal(porkbun.requests.filter(({ path }) => path.startsWith('/domain/create/')).length, 1)
})
