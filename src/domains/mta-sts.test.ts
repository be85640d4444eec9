import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parsePolicy, validateMx } from 'mailauth/lib/mta-sts.js'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import type { Domain } from './domains.ts'
import { endMtaStsWithdrawals, mtaStsPolicy } from './mta-sts.ts'
import type { MtaStsMode } from './tables.ts'

let node: TestPlatform
const stack = new AsyncDisposableStack()
before(async () => {
  node = stack.use(await startTestPlatform({ MAILWRIGHT_HOSTNAME: 'mx.platform.example' }))
})
after(() => stack.disposeAsync())

/** Sets the mode as an API call does. */
async function setMode(id: string, mode: MtaStsMode): Promise<Domain> {
  return await node.platform.db
    .updateTable('domains')
    .set({ mta_sts_mode: mode, updated_at: node.platform.clock.now() })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

const policyOf = (domain: Domain) => mtaStsPolicy(node.config, domain)

test('a domain that never had a policy publishes none', async () => {
  const domain = await node.connectActiveDomain('never.example')
  assert.equal(policyOf(domain), null)
  assert.equal(policyOf(await setMode(domain.id, 'none')), null)
})

test('a policy is read by others, strictly; another text has another id', async () => {
  const { id } = await node.connectActiveDomain('policy.example')
  const ids = new Set<string>()
  for (const [mode, maxAge] of [
    ['testing', 86_400],
    ['enforce', 1_209_600],
  ] as const) {
    const policy = policyOf(await setMode(id, mode))
    assert.ok(policy)
    assert.match(policy.text, /^version: STSv1\r\n(?:[a-z_]+: [\w.]+\r\n)+$/)
    assert.match(policy.id, /^[a-z0-9]{1,32}$/)
    const read = parsePolicy(policy.text, { strict: true })
    assert.deepEqual([read.mode, read.maxAge, read.mx], [mode, maxAge, ['mx.platform.example']])
    assert.ok(validateMx('mx.platform.example', read).valid)
    assert.ok(!validateMx('mx.other.example', read).valid)
    assert.equal(policyOf(await setMode(id, mode))?.id, policy.id)
    ids.add(policy.id)
  }
  assert.equal(ids.size, 2)
})

test('one that is taken back is followed by one of mode none, until nobody knows it any more', async () => {
  const { id } = await node.connectActiveDomain('withdrawn.example')
  const enforced = policyOf(await setMode(id, 'enforce'))
  const withdrawn = policyOf(await setMode(id, 'none'))
  assert.ok(enforced && withdrawn)
  assert.equal(parsePolicy(withdrawn.text, { strict: true }).mode, 'none')
  assert.notEqual(withdrawn.id, enforced.id)
  const read = () =>
    node.platform.db.selectFrom('domains').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  node.platform.clock.advance?.('P13D')
  assert.equal(await endMtaStsWithdrawals(node.platform), 0)
  assert.deepEqual(policyOf(await read()), withdrawn)
  const { zone_serial: serial } = await read()
  node.platform.clock.advance?.('P2D')
  assert.equal(await endMtaStsWithdrawals(node.platform), 1)
  const after = await read()
  assert.equal(policyOf(after), null)
  assert.ok(after.zone_serial > serial) // its record goes, too
  assert.equal(await endMtaStsWithdrawals(node.platform), 0)
})

test('a policy that comes back ends its withdrawal', async () => {
  const { id } = await node.connectActiveDomain('back.example')
  const first = policyOf(await setMode(id, 'enforce'))
  await setMode(id, 'none')
  assert.deepEqual(policyOf(await setMode(id, 'enforce')), first)
})
