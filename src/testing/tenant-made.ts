/** How a tenant gets what it has: made by the API, and named by the paths that mean it. */
import assert from 'node:assert/strict'
import type { TestApi } from './test-api.ts'

/** What a parameter of a path can be: what the tenant has, and what nobody has. */
export type Named = { foreign: string; unknown: string }

/** Notes what a parameter of this path may be, by its id and by another name. */
export type Name = (path: string, foreign: string, name?: Named) => void

/** @returns the reply’s body. */
export async function made(api: TestApi, method: string, path: string, body?: object): Promise<unknown> {
  const reply = await api.call(method, path, { body })
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`)
  return reply.json
}
