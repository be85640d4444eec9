/** For tests of mailboxes at Google: an API whose workspace is connected to the stand-in, and time for both. */
import assert from 'node:assert/strict'
import { reconcileDue } from '../mailboxes/engines/due.ts'
import { type GoogleStandIn, startGoogle } from './google-stand-in.ts'
import { startTestApi, type TestApi, textAt } from './test-api.ts'
import { runJobs } from './test-jobs.ts'

export type TestGoogle = AsyncDisposable & {
  api: TestApi
  google: GoogleStandIn
  connectionId: string
  /** Lets so many seconds pass for both, and does what is due after them. */
  pass(seconds?: number): Promise<void>
  /** A mailbox at Google, as it is when it was asked for. */
  create(address: string, more?: Record<string, unknown>): Promise<void>
  /** GET /v1/mailboxes/{address}/remote. */
  remote(address: string): Promise<unknown>
  stateOf(address: string): Promise<string>
}

export async function startTestGoogle(): Promise<TestGoogle> {
  await using stack = new AsyncDisposableStack()
  const google = stack.use(await startGoogle())
  const api = stack.use(await startTestApi({ environment: { MAILWRIGHT_GOOGLE_API_URL: google.url } }))
  const connected = await api.call('POST', '/v1/service-connections', { body: connectionBody(google) })
  assert.equal(connected.status, 201, connected.text)
  const running = stack.move()
  const read = async (path: string): Promise<unknown> => {
    const reply = await api.call('GET', path)
    assert.equal(reply.status, 200, reply.text)
    return reply.json
  }
  return {
    api,
    google,
    connectionId: textAt(connected.json, 'id'),
    async pass(seconds = 0) {
      api.platform.clock.advance?.(`PT${seconds}S`)
      google.advance(seconds * 1000)
      await reconcileDue(api.platform)
      await runJobs(api.platform)
    },
    async create(address, more = {}) {
      const reply = await api.call('POST', '/v1/mailboxes', { body: { address, service: 'google', ...more } })
      assert.equal(reply.status, 201, reply.text)
    },
    remote: (address) => read(`/v1/mailboxes/${address}/remote`),
    stateOf: async (address) => textAt(await read(`/v1/mailboxes/${address}`), 'state'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export function connectionBody(google: GoogleStandIn) {
  return {
    name: 'Our Workspace',
    service: 'google',
    settings: { admin_email: google.adminEmail, client_email: google.clientEmail },
    secret: google.privateKey,
  }
}
