/**
 * kill -9 between a payment and its credit: whichever way the news takes afterwards, the wallet has the money once. The local
 * Stripe lives in this process, and the server that is killed in another.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPlatform } from '../src/open-platform.ts'
import { callApi, startChildServer } from '../src/testing/child-server.ts'
import { startStripeStandIn } from '../src/testing/stripe-stand-in.ts'
import { at, textAt } from '../src/testing/test-api.ts'
import { assertBooks } from '../src/testing/test-billing.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { handlersWith, runJobs } from '../src/testing/test-jobs.ts'
import { testConfig } from '../src/testing/test-platform.ts'

test('a node dies with a charge on its way back, and with webhooks that it has not handled', async () => {
  await using stack = new AsyncDisposableStack()
  const stripe = stack.use(await startStripeStandIn())
  const environment = {
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'), // two nodes, each with a directory of its own
    ...stripe.environment,
  }
  // Without a worker: what it is told by webhook is written down, and nobody has looked at it when it dies.
  const directory = await temporaryDirectory(stack)
  const server = await startChildServer(directory, {
    ...environment,
    MAILWRIGHT_DATA_DIR: directory,
    MAILWRIGHT_ROLES: 'http',
  })
  stack.defer(() => server.kill())
  const webhookUrl = `${server.endpoints.http}/v1/payments/stripe/webhook`

  const page = await callApi(server, 'POST', '/v1/wallet/top-ups', { amount: 5000, method: 'checkout' })
  stripe.pay(textAt(page, 'url').split('/').at(-1) ?? '')
  const saved = await callApi(server, 'GET', `/v1/wallet/top-ups/${textAt(page, 'id')}`)
  assert.equal(at(saved, 'state'), 'paid')
  const second = await callApi(server, 'POST', '/v1/wallet/top-ups', { amount: 700, method: 'checkout' })
  stripe.pay(textAt(second, 'url').split('/').at(-1) ?? '')
  await stripe.webhooks.deliver(webhookUrl, { copies: 2 })

  const { platform } = stack.use(await openPlatform(testConfig(environment)))
  const handlers = handlersWith({})
  const { workspace_id } = await platform.db
    .selectFrom('payment_customers')
    .select('workspace_id')
    .executeTakeFirstOrThrow()
  await handlers['payments.sync_cards'](platform, { workspace_id })

  // The charge is carried out, and its answer is held back until the node that waits for it is dead.
  const charged = Promise.withResolvers<void>()
  const died = Promise.withResolvers<void>()
  stripe.faults.push({ method: 'POST', path: /^\/v1\/payment_intents$/, fault: 'lost', until: died.promise })
  stripe.onCarriedOut = ({ path }) => {
    if (path === '/v1/payment_intents') charged.resolve()
  }
  const call = callApi(server, 'POST', '/v1/wallet/top-ups', { amount: 900, method: 'saved' }).catch(
    () => null,
  )
  await charged.promise
  await server.kill()
  died.resolve()
  await call

  const balance = async (): Promise<number> =>
    (await platform.db.selectFrom('wallets').select('balance').executeTakeFirstOrThrow()).balance
  assert.equal(await balance(), 5000)
  platform.clock.advance?.('PT10M')
  await handlers['payments.reconcile'](platform, {})
  await handlers['payments.missed_events'](platform, {})
  await runJobs(platform, handlers)
  await handlers['payments.reconcile'](platform, {})
  assert.equal(await balance(), 5000 + 700 + 900)
  assert.equal([...stripe.state.intents.values()].filter(({ status }) => status === 'succeeded').length, 3)
  const states = await platform.db.selectFrom('top_ups').select('state').execute()
  assert.deepEqual(
    states.map(({ state }) => state),
    ['paid', 'paid', 'paid'],
  )
  await assertBooks(platform)
})
