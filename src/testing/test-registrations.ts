/** Domains bought at the sandbox registrar, over the native API: what their tests have in common. */
import assert from 'node:assert/strict'
import { sql } from 'kysely'
import type { Money } from '../platform/money.ts'
import { at, type CallOptions, type Reply, startTestApi, type TestApi, textAt } from './test-api.ts'
import { handlersWith, runJobs } from './test-jobs.ts'

export type RegistrationState = { state: string; order: string; failure: unknown; json: unknown }

export type TestRegistrations = TestApi & {
  post(path: string, body?: object, options?: CallOptions): Promise<Reply>
  get(path: string): Promise<Reply>
  /** The id of a quote. */
  quote(name: string, years?: number): Promise<string>
  /** Ordered with a quote, and what the order came to. */
  register(name: string, more?: object): Promise<Reply>
  report(name: string): Promise<RegistrationState>
  /** Time passes, and every job that looks at the time has its turn. */
  pass(duration: string): Promise<void>
  /** How often the sandbox sold the name. */
  purchases(name: string): Promise<number>
  setPrice(kind: string, amount: number): Promise<void>
}

export const usd = (amount: number): Money => ({ amount, currency: 'USD' })

export async function startTestRegistrations(
  environment: Record<string, string> = {},
): Promise<TestRegistrations> {
  const api = await startTestApi({ environment: { MAILWRIGHT_DNS_ZONE: 'mw.example', ...environment } })
  const { platform } = api
  const handlers = handlersWith({})

  const post = (path: string, body: object = {}, options: CallOptions = {}): Promise<Reply> =>
    api.call('POST', path, { body, ...options })
  const get = (path: string): Promise<Reply> => api.call('GET', path)

  async function quote(name: string, years = 1): Promise<string> {
    const { json } = await post('/v1/domains/search', { names: [name], years })
    return textAt(json, 'data', 0, 'quote_id')
  }

  return {
    ...api,
    post,
    get,
    quote,
    async register(name, more = {}) {
      const reply = await post('/v1/domains/register', { name, quote_id: await quote(name), ...more })
      assert.equal(reply.status, 201, reply.text)
      await runJobs(platform)
      return reply
    },
    async report(name) {
      const { json } = await get(`/v1/domains/${name}/registration`)
      return {
        state: textAt(json, 'domain', 'state'),
        order: textAt(json, 'orders', 0, 'state'),
        failure: at(json, 'orders', 0, 'failure_code'),
        json,
      }
    },
    async pass(duration) {
      platform.clock.advance?.(duration)
      for (const job of [
        'orders.resume',
        'registrations.observe',
        'registrations.renew_due',
        'registrations.expire',
      ] as const) {
        await handlers[job](platform, {})
        await runJobs(platform)
      }
    },
    async purchases(name) {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from sandbox_orders
        where name = ${name} and done_at is not null`.execute(platform.db)
      return rows[0]?.count ?? 0
    },
    async setPrice(kind, amount) {
      await sql`update sandbox_prices set amount = ${amount} where kind = ${kind}`.execute(platform.db)
    },
  }
}
