/** What a connection to a Microsoft 365 tenant must be told. */
import { Refusal } from '../../../platform/errors.ts'
import { readCertificate } from './certificate.ts'

export type MicrosoftSettings = {
  tenantId: string
  /** Of the app registration. */
  clientId: string
  /** Where the users are, as two letters: licences depend on it. */
  usageLocation: string
  /** Of the licence that each user gets, such as EXCHANGESTANDARD. */
  skuPartNumber: string
}

export type MicrosoftSecret =
  | { kind: 'client_secret'; value: string }
  | { kind: 'certificate'; certificatePem: string; privateKeyPem: string }

const known = ['client_id', 'sku_part_number', 'tenant_id', 'usage_location'] as const

/** As callers give them, and as they are kept. */
type Given = Partial<Record<(typeof known)[number], string>>

const guidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const domainPattern = /^(?=.{4,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/

/**
 * @param secret the client secret's value, or a certificate and its private key in PEM, one after the other.
 * @returns settings and secret in the one form that is kept.
 * @throws Refusal invalid_request.
 */
export function checkMicrosoftSettings(
  given: Given,
  secret: string,
): { settings: Required<Given>; secret: string } {
  for (const name of Object.keys(given)) {
    if (!known.some((one) => one === name))
      throw invalid(`A connection to microsoft has no setting "${name}".`)
  }
  const tenant = (given.tenant_id ?? '').toLowerCase()
  if (!guidPattern.test(tenant) && !domainPattern.test(tenant)) {
    throw invalid('settings.tenant_id must be the directory (tenant) id, or a domain of the tenant.')
  }
  const client = (given.client_id ?? '').toLowerCase()
  if (!guidPattern.test(client)) throw invalid('settings.client_id must be the application (client) id.')
  const location = (given.usage_location ?? '').toUpperCase()
  if (!/^[A-Z]{2}$/.test(location)) {
    throw invalid('settings.usage_location must be a country of two letters (ISO 3166), such as DE.')
  }
  const sku = (given.sku_part_number ?? '').toUpperCase()
  if (!/^\w{1,64}$/.test(sku)) {
    throw invalid('settings.sku_part_number must be a licence as in EXCHANGESTANDARD.')
  }
  return {
    settings: { tenant_id: tenant, client_id: client, usage_location: location, sku_part_number: sku },
    secret: checkSecret(secret.trim()),
  }
}

/** @throws Error for settings that no version of this program keeps. */
export function microsoftSettingsOf(kept: Given): MicrosoftSettings {
  const { tenant_id, client_id, usage_location, sku_part_number } = kept
  if (!tenant_id || !client_id || !usage_location || !sku_part_number) {
    throw new Error('settings without a tenant')
  }
  return {
    tenantId: tenant_id,
    clientId: client_id,
    usageLocation: usage_location,
    skuPartNumber: sku_part_number,
  }
}

/** Of a secret as it is kept. */
export function microsoftSecretOf(secret: string): MicrosoftSecret {
  const blocks = pemBlocks(secret)
  const certificatePem = blocks.find((block) => /^-----BEGIN CERTIFICATE-----/.test(block))
  const privateKeyPem = blocks.find((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block))
  if (certificatePem === undefined || privateKeyPem === undefined) {
    return { kind: 'client_secret', value: secret }
  }
  return { kind: 'certificate', certificatePem, privateKeyPem }
}

function checkSecret(secret: string): string {
  const read = microsoftSecretOf(secret)
  if (read.kind === 'certificate') {
    const certificate = readCertificate(read.certificatePem, read.privateKeyPem)
    if (!certificate.ok) throw invalid(`secret: ${certificate.problem}`)
    return `${read.certificatePem}\n${certificate.privateKey}`
  }
  if (secret.includes('-----BEGIN')) {
    throw invalid('secret: with a certificate, both its PEM and the PEM of its private key are needed.')
  }
  if (!/^[\x21-\x7e]{8,200}$/.test(secret)) {
    throw invalid(
      'secret must be the value of a client secret, or a certificate with its private key in PEM.',
    )
  }
  return secret
}

function pemBlocks(text: string): string[] {
  return text.match(/-----BEGIN ([A-Z ]{1,40})-----[^-]*-----END \1-----/g) ?? []
}

function invalid(detail: string): Refusal {
  return new Refusal('invalid_request', detail)
}
