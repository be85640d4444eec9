/** What every operation of a vendor's dialect refuses alike: no key, and too many requests. */
import assert from 'node:assert/strict'
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
