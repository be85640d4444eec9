/** Payloads of which more is sent than is kept: what is put in goes out, and waits nowhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { appendNamed } from '../testing/test-events.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { runWebhooks, startEndpoint } from '../testing/test-webhooks.ts'
import { setWebhookFormats, type WebhookFormat } from './formats.ts'
import { setWorkspaceUrl } from './workspace-urls.ts'

const secret = 'what nobody keeps'

/** @param fails how often it cannot be told what is to be put in. */
function formatOf(fails: { left: number }): WebhookFormat {
  return {
    name: 'of_the_test',
    types: ['it.happened'],
    signedBy: null,
    sourcesOf: () => ['workspace.updated'],
    payloadsOf: async (_platform, _db, heard) =>
      heard.map(() => ({ type: 'it.happened', payload: '{"secret":null}' })),
    async completed(_platform, _db, payload) {
      if (fails.left-- > 0) throw new Error('the database does not answer')
      return payload.replace('null', JSON.stringify(secret))
    },
    headersOf: ({ body, settings }) => {
      const shown = { 'user-agent': 'Test/1', 'x-length': String(body.length) }
      return { sent: { ...shown, 'x-settings': JSON.stringify(settings) }, shown }
    },
  }
}

for (const [name, left] of [
  ['at once', 0],
  ['after it could not be told for a while', 1],
] as const) {
  test(`it is sent ${name}, with headers that know the settings`, async () => {
    await using stack = new AsyncDisposableStack()
    const house = stack.use(
      await startTestPlatform({
        MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8',
        MAILWRIGHT_WEBHOOK_TIMEOUT: '1s',
      }),
    )
    const endpoint = stack.use(await startEndpoint())
    const { platform, scope } = house
    setWebhookFormats(platform, [formatOf({ left })])
    await transaction(platform.db, (tx) =>
      setWorkspaceUrl(platform, tx, scope, 'of_the_test', { url: endpoint.url, settings: { a: 1 } }),
    )
    await runWebhooks(stack, platform)
    await appendNamed(house, ['one'])
    await endpoint.count(1)
    const [received] = endpoint.received
    assert.deepEqual(JSON.parse(received?.body ?? ''), { secret })
    assert.deepEqual(
      ['user-agent', 'x-length', 'x-settings'].map((header) => received?.headers[header]),
      ['Test/1', String(received?.body.length), '{"a":1}'],
    )
    const events = await platform.db.selectFrom('webhook_events').select('payload').execute()
    assert.deepEqual(events, [{ payload: '{"secret":null}' }])
    const attempts = await attemptsOf()
    assert.equal(attempts.length, 1, 'what did not go out is no attempt')
    assert.ok(!JSON.stringify(attempts).includes('settings'))

    /** Once it is written down. */
    async function attemptsOf() {
      for (;;) {
        const rows = await platform.db.selectFrom('webhook_attempts').select('request_headers').execute()
        if (rows.length > 0) return rows
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  })
}
