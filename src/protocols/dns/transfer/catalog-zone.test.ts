import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import { decodeName } from '../../../platform/dns-wire/names.ts'
import { serveDomain } from '../../../testing/test-name-server.ts'
import { startTestPlatform, type TestPlatform } from '../../../testing/test-platform.ts'
import { type CatalogZone, startCatalogZone } from './catalog-zone.ts'

const stack = new AsyncDisposableStack()
let t: TestPlatform
let catalog: CatalogZone
before(async () => {
  t = stack.use(await startTestPlatform({ MAILWRIGHT_DNS_ZONE: 'mw.example' }))
  catalog = startCatalogZone(t.platform, () => undefined)
  stack.defer(() => catalog.stop())
})
after(() => stack.disposeAsync())

async function members(): Promise<string[]> {
  const names: string[] = []
  for await (const { type, rdata } of (await catalog.zone())?.sets() ?? []) {
    if (type === dnsTypes.PTR) names.push(decodeName(rdata[0] ?? Buffer.alloc(1), 0))
  }
  return names
}

test('what has changed while there were no secondaries is there for the first one that asks', async () => {
  assert.deepEqual(await members(), ['mw.example'])
  await serveDomain(t.platform, t.scope, 'new.example')
  await sleep(600) // longer than changes are gathered
  assert.deepEqual(await members(), ['mw.example', 'new.example'])
})

test('after a doubt it is read again', async () => {
  assert.deepEqual(await members(), ['mw.example', 'new.example'])
  // As another node would, with its event lost.
  const update = t.platform.db.updateTable('domains').set({ dns_mode: 'manual' })
  await update.where('name', '=', 'new.example').execute()
  t.platform.bus.doubt()
  assert.deepEqual(await members(), ['mw.example'])
})
