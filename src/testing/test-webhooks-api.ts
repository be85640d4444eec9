/** For tests of webhooks by the API: events that differ by name, and what the log says of deliveries. */
import assert from 'node:assert/strict'
import { at, listAt, startTestApi, type TestApi, textAt } from './test-api.ts'
import { appendNamed, nameOf } from './test-events.ts'
import {
  type EndpointReply,
  type Received,
  runWebhooks,
  startEndpoint,
  type TestEndpoint,
} from './test-webhooks.ts'

export type TestWebhooksApi = TestApi & {
  /** Makes a webhook. */
  made(body: object): Promise<{ id: string; secret: string }>
  /** What a path is answered with, which must be there. */
  get(path: string): Promise<unknown>
  /** An event of the workspace, or of a mailbox of it. */
  happen(name: string, mailboxId?: string | null): Promise<void>
  /** Waits for what the log says of a webhook. */
  delivered(id: string, isEnough: (rows: unknown[]) => boolean): Promise<unknown[]>
}

/** The API with webhooks that are sent to this machine, five of a workspace. */
export async function startTestWebhooksApi(): Promise<TestWebhooksApi> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(
    await startTestApi({
      requestsPerMinute: 1e9,
      environment: {
        MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8',
        MAILWRIGHT_WEBHOOK_TIMEOUT: '2s',
        MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: '5',
      },
    }),
  )
  await runWebhooks(stack, api.platform)
  const running = stack.move()

  const get = async (path: string): Promise<unknown> => {
    const reply = await api.call('GET', path)
    assert.equal(reply.status, 200, reply.text)
    return reply.json
  }
  return {
    ...api,
    get,
    async made(body) {
      const reply = await api.call('POST', '/v1/webhooks', { body })
      assert.equal(reply.status, 201, reply.text)
      return { id: textAt(reply.json, 'id'), secret: textAt(reply.json, 'secret') }
    },
    happen: (name, mailboxId) => appendNamed(api, [name], mailboxId),
    async delivered(id, isEnough) {
      for (;;) {
        const rows = listAt(await get(`/v1/webhooks/${id}/deliveries?limit=200`), 'data')
        if (isEnough(rows)) return rows
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export const nameIn = ({ body }: Received): string => nameOf(JSON.parse(body))
export const header = ({ headers }: Received, name: string): string => String(headers[name])

/** Whether so many deliveries are in a state: for `delivered`. */
export const allIn = (state: string, count: number) => (rows: unknown[]) =>
  rows.filter((row) => at(row, 'state') === state).length === count

export async function withEndpoint(
  reply: ((request: Received, index: number) => EndpointReply) | undefined,
  work: (endpoint: TestEndpoint) => Promise<void>,
): Promise<void> {
  await using endpoint = await startEndpoint(reply)
  await work(endpoint)
}
