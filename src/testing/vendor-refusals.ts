/** What every operation of a vendor's API refuses alike, provoked for all of some paths at once. */
import assert from 'node:assert/strict'
import { at } from './test-api.ts'
import { startTestVendor, type TestVendor } from './test-vendors.ts'

/** Provokes 401 of the operations on these paths, and 429 where it is documented, on a platform that takes one request. */
export async function requireRefusals(
  u: TestVendor,
  name: Parameters<typeof startTestVendor>[0],
  paths: RegExp,
): Promise<void> {
  await using slow = await startTestVendor(name, { requestsPerMinute: 1 })
  const first = u.contract.operations[0]
  if (first) await slow.unchecked(first.id)
  for (const { id, path, statuses, bodies } of u.contract.operations) {
    if (!paths.test(path)) continue
    const body = bodies[0] ?? {}
    assert.equal((await u.operate(id, { key: null, body })).status, 401, id)
    assert.equal((await u.unchecked(id, { key: 'wrong', body })).status, 401, id)
    if (!statuses.includes('429')) continue
    assert.equal(u.contract.check(id, await slow.unchecked(id, { body })).status, 429, id)
  }
}

const unknownId = '00000000-0000-4000-8000-000000000000'

/**
 * Calls each operation of these paths with a wrong key, which is 401, in a workspace that there is not, which is 404, and
 * with a body that is no JSON, which is 400; as far as its contract has that.
 */
export async function provokeUsual(u: TestVendor, paths: RegExp): Promise<void> {
  const operations = u.contract.operations.filter(({ path }) => paths.test(path))
  assert.ok(operations.length > 0, 'no path is so')
  for (const { id, method, statuses, bodies } of operations) {
    const [body = method === 'GET' ? undefined : {}] = bodies
    const wrong = await u.operate(id, { key: 'wrong', body })
    assert.deepEqual(wrong.json, { code: 401, message: 'jwt malformed' }, id)
    if (statuses.includes('404')) {
      const lost = await u.operate(id, { workspace: unknownId, body })
      assert.deepEqual([lost.status, at(lost.json, 'message')], [404, 'Workspace not found'], id)
    }
    if (method !== 'GET') assert.equal((await u.operate(id, { body: '{' })).status, 400, id)
  }
}
