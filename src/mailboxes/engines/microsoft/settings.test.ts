/** What a connection to a tenant takes, and what it refuses. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { Refusal } from '../../../platform/errors.ts'
import { rsaCertificate } from '../../../testing/test-certificate.ts'
import { checkMicrosoftSettings, microsoftSecretOf, microsoftSettingsOf } from './settings.ts'

const settings = {
  tenant_id: '2B1C0C1E-93E7-4A0F-8E5A-0F8C6F0B7F11',
  client_id: '9F0E4C1A-1B2C-4D5E-8F90-A1B2C3D4E5F6',
  usage_location: 'de',
  sku_part_number: 'exchangestandard',
}
const secret = 'Kx8Q~abcdefghijklmnop'

test('settings come in one form', () => {
  const checked = checkMicrosoftSettings(settings, ` ${secret}\n`)
  assert.deepEqual(microsoftSettingsOf(checked.settings), {
    tenantId: '2b1c0c1e-93e7-4a0f-8e5a-0f8c6f0b7f11',
    clientId: '9f0e4c1a-1b2c-4d5e-8f90-a1b2c3d4e5f6',
    usageLocation: 'DE',
    skuPartNumber: 'EXCHANGESTANDARD',
  })
  assert.deepEqual(microsoftSecretOf(checked.secret), { kind: 'client_secret', value: secret })
  const byDomain = { ...settings, tenant_id: 'Tenant.onmicrosoft.com' }
  assert.equal(checkMicrosoftSettings(byDomain, secret).settings.tenant_id, 'tenant.onmicrosoft.com')
})

test('what is no setting of a tenant is refused', async (t) => {
  const { tenant_id: _, ...noTenant } = settings
  const cases: [string, Record<string, string>, string, RegExp][] = [
    ['another service’s', { ...settings, admin_email: 'a@b.example' }, secret, /no setting "admin_email"/],
    ['no tenant', noTenant, secret, /tenant_id/],
    ['a path', { ...settings, tenant_id: '../common' }, secret, /tenant_id/],
    ['any tenant', { ...settings, tenant_id: 'common' }, secret, /tenant_id/],
    ['an application’s name', { ...settings, client_id: 'Mailwright' }, secret, /client_id/],
    ['a country’s name', { ...settings, usage_location: 'Germany' }, secret, /usage_location/],
    ['a SKU’s name in words', { ...settings, sku_part_number: 'Exchange Online' }, secret, /sku_part_number/],
    ['no secret', settings, '', /secret/],
    ['a secret of two lines', settings, 'Kx8Q~abcdefgh\nijklmnop', /secret/],
  ]
  for (const [name, given, value, words] of cases) {
    await t.test(name, () => {
      assert.throws(
        () => checkMicrosoftSettings(given, value),
        (error) => error instanceof Refusal && error.code === 'invalid_request' && words.test(error.message),
      )
    })
  }
})

test('a certificate and its key are a secret too, in any order', async () => {
  const { certificatePem, privateKeyPem } = await rsaCertificate()
  const oldForm = createPrivateKey(privateKeyPem).export({ type: 'pkcs1', format: 'pem' }).toString()
  for (const given of [certificatePem + privateKeyPem, `${oldForm}\nsome text\n${certificatePem}`]) {
    const kept = microsoftSecretOf(checkMicrosoftSettings(settings, given).secret)
    assert.ok(kept.kind === 'certificate')
    assert.equal(kept.certificatePem.trim(), certificatePem.trim())
    assert.ok(createPrivateKey(kept.privateKeyPem).equals(createPrivateKey(privateKeyPem)))
  }
  const other = await rsaCertificate()
  for (const given of [certificatePem, privateKeyPem, certificatePem + other.privateKeyPem]) {
    assert.throws(
      () => checkMicrosoftSettings(settings, given),
      (error) => error instanceof Refusal && !error.message.includes('MII'),
    )
  }
})
