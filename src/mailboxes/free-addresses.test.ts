/** Whether an address can be had. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestApi, type TestApi } from '../testing/test-api.ts'
import { isAddressFree } from './free-addresses.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  await api.call('POST', '/v1/mailboxes', { body: { address: 'ada@demo.test' } })
  await api.call('POST', '/v1/mailboxes/ada@demo.test/aliases', { body: { address: 'alias@demo.test' } })
  await api.call('POST', '/v1/domains', { body: { name: 'off.test' } })
  await api.call('POST', '/v1/domains/off.test/suspend', { body: {} })
})
after(() => api[Symbol.asyncDispose]())

const rows: [localPart: string, domain: string, want: boolean | string][] = [
  ['eve', 'demo.test', true],
  ['ada', 'demo.test', false],
  ['ADA', 'Demo.TEST', false],
  ['alias', 'demo.test', false],
  ['eve', 'off.test', false],
  ['eve', 'none.test', 'domain_not_found'],
  ['e ve', 'demo.test', 'address_invalid'],
  ['ada@demo.test', 'demo.test', 'address_invalid'],
]
for (const [localPart, domain, want] of rows) {
  test(`${localPart} in ${domain}: ${want}`, async () => {
    const asked = isAddressFree(api.platform, api.scope, { localPart, domain })
    if (typeof want === 'string') await assert.rejects(asked, { code: want })
    else assert.equal(await asked, want)
  })
}
