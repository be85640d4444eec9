import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import {
  type DeliveryPolicySettings,
  deliveryDefaults,
  deliveryPolicyOf,
  deliverySettings,
  deliverySettingsOf,
  type PolicyLevel,
  putDeliverySettings,
} from './policies.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function say(
  scope: PolicyLevel['scope'],
  scopeId: string,
  settings: DeliveryPolicySettings,
): Promise<void> {
  const { organizationId, workspaceId } = t.scope
  const level = { organizationId, workspaceId, scope, scopeId }
  await transaction(t.platform.db, (tx) => putDeliverySettings(t.platform, tx, level, settings))
}

test('every default is a value that its setting allows', () => {
  for (const [name, setting] of Object.entries(deliverySettings)) {
    const preset: unknown = Reflect.get(deliveryDefaults, name)
    if ('words' in setting)
      assert.ok(
        setting.words.some((word) => word === preset),
        name,
      )
    else if (preset === null) assert.ok(setting.off, name)
    else assert.ok(typeof preset === 'number' && preset >= setting.min && preset <= setting.max, name)
  }
})

test('the nearest level that says something holds, and a change is seen at once', async () => {
  const workspaceId = newId()
  const [domainId, mailboxId] = [newId(), newId()]
  const subject = { workspaceId, domainId, mailboxId }
  assert.deepEqual(await deliveryPolicyOf(t.platform, subject), deliveryDefaults)
  await say('workspace', workspaceId, { junk_score: 3, mailbox_per_hour: null, dmarc: 'observe' })
  await say('domain', domainId, { junk_score: 4 })
  const policy = await deliveryPolicyOf(t.platform, subject)
  assert.deepEqual(policy, {
    ...deliveryDefaults,
    junk_score: 4,
    mailbox_per_hour: null,
    dmarc: 'observe',
  })
  await say('mailbox', mailboxId, { junk_score: 5, dmarc: 'junk' })
  assert.equal((await deliveryPolicyOf(t.platform, subject)).junk_score, 5)
  assert.equal((await deliveryPolicyOf(t.platform, { workspaceId, domainId })).junk_score, 4)
  assert.equal((await deliveryPolicyOf(t.platform, { workspaceId })).dmarc, 'observe')
  await say('mailbox', mailboxId, {})
  assert.deepEqual(await deliverySettingsOf(t.platform.db, mailboxId), {})
  assert.equal((await deliveryPolicyOf(t.platform, subject)).junk_score, 4)
})
