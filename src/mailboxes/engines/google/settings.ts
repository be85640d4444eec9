/** What a connection to a Google Workspace must be told. */
import { createPrivateKey } from 'node:crypto'
import { Refusal } from '../../../platform/errors.ts'
import { member, textOf } from '../../../platform/json-members.ts'
import { parseAddress } from '../../address.ts'
import type { ConnectionSettings } from '../settings.ts'

export type GoogleSettings = {
  /** A super admin of the Workspace, whom the service account acts for. */
  admin_email: string
  /** The service account. */
  client_email: string
  /** The Workspace's own id; left out: the admin's. */
  customer_id?: string
  /** Where new users are put; left out: at the top. */
  org_unit_path?: string
}

/** Google's word for the admin's own Workspace. */
export const ownCustomer = 'my_customer'

const known = ['admin_email', 'client_email', 'customer_id', 'org_unit_path']

/**
 * @param secret the service account's private key in PEM, or the whole JSON key file.
 * @returns the settings in their one form, and the key in PEM.
 * @throws Refusal invalid_request.
 */
export function checkGoogleSettings(
  given: ConnectionSettings,
  secret: string,
): { settings: GoogleSettings; secret: string } {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw invalid(`A connection to google has no setting "${name}".`)
  }
  const file = readKeyFile(secret)
  const clientEmail = given.client_email ?? file.clientEmail
  if (file.clientEmail !== undefined && clientEmail !== file.clientEmail) {
    throw invalid('settings.client_email is not the service account that the key file is of.')
  }
  const { customer_id, org_unit_path } = given
  if (customer_id !== undefined && !/^\w{1,64}$/.test(customer_id)) {
    throw invalid('settings.customer_id must be as in C01abc2de.')
  }
  if (org_unit_path !== undefined && !/^\/[^\p{Cc}]{0,300}$/u.test(org_unit_path)) {
    throw invalid('settings.org_unit_path must be as in /outreach.')
  }
  return {
    settings: {
      admin_email: addressOf('admin_email', given.admin_email),
      client_email: addressOf('client_email', clientEmail),
      ...(customer_id === undefined ? {} : { customer_id }),
      ...(org_unit_path === undefined ? {} : { org_unit_path }),
    },
    secret: rsaKey(file.privateKey),
  }
}

/** @throws Error for settings that no version of this program keeps. */
export function googleSettingsOf({ admin_email, client_email, ...more }: ConnectionSettings): GoogleSettings {
  if (admin_email === undefined || client_email === undefined) throw new Error('settings without an address')
  return { admin_email, client_email, ...more }
}

/** The Workspace by its id; without one, by the domain of the admin, whose own it is. */
export function googleTenantOf({ customer_id = ownCustomer, admin_email }: GoogleSettings): string {
  return customer_id === ownCustomer ? admin_email.slice(admin_email.lastIndexOf('@') + 1) : customer_id
}

function addressOf(name: string, text: string | undefined): string {
  const parsed = parseAddress(text ?? '')
  if (!parsed.ok) throw invalid(`settings.${name} must be an address.`)
  return parsed.value.address
}

function readKeyFile(secret: string): { privateKey: string; clientEmail?: string } {
  if (!secret.trimStart().startsWith('{')) return { privateKey: secret }
  let file: unknown
  try {
    file = JSON.parse(secret)
  } catch {
    throw invalid('The key file is not valid JSON.')
  }
  if (member(file, 'type') !== 'service_account') throw invalid('The key file is not of a service account.')
  return { privateKey: textOf(file, 'private_key'), clientEmail: textOf(file, 'client_email') }
}

/** @returns the key in PKCS #8, whatever PEM it came in. */
function rsaKey(pem: string): string {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs8', format: 'pem' }).toString()
  } catch {
    // What the library says may hold parts of the key.
  }
  throw invalid('The secret must be the RSA private key of a service account in PEM, or its JSON key file.')
}

function invalid(detail: string): Refusal {
  return new Refusal('invalid_request', detail)
}
