/** Billing details as clients give them: who pays for a workspace, and who its domains are registered for. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { billingDetailsOf, putBillingDetails } from '../../billing/billing-details.ts'
import { ensureContact } from '../../domains/contacts.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { noAddress } from '../shown-email.ts'
import type { Account } from './account.ts'
import { line } from './fields.ts'

const optionalLine = (maxLength: number) => Type.Optional(Type.Union([line(maxLength, 0), Type.Null()]))

export const billingFields = {
  firstName: line(100),
  lastName: line(100),
  company: { ...line(100, 0), description: 'Empty: a person.' },
  addressLineOne: line(100),
  addressLineTwo: optionalLine(100),
  addressLineThree: optionalLine(100),
  city: line(100),
  state: line(100, 0),
  country: Type.String({ maxLength: 2, pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2.' }),
  postalCode: line(20),
  phoneCc: Type.String({ maxLength: 4, pattern: '^\\+?[0-9]{1,3}$', description: 'As in 1 or +1.' }),
  phone: Type.String({
    maxLength: 30,
    pattern: '^[ ()./-]*([0-9][ ()./-]*){4,14}$',
    description: 'Without the country; what stands between the digits does not matter.',
  }),
} as const

const BillingInput = Type.Object(billingFields)
export type BillingInput = Static<typeof BillingInput>

/**
 * Keeps them as the workspace's, and as a contact that domains are registered for, unless the newest one is so already.
 * @param account whose address stands in where the workspace has none. No contact is made while nobody's address is known: registrars ask for one.
 * @throws Refusal contact_limit_reached, forbidden.
 */
export async function keepBillingDetails(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  account: Account,
  input: BillingInput,
): Promise<void> {
  const before = await billingDetailsOf(tx, scope.workspaceId)
  const known = before.email ?? (account.email === noAddress ? null : account.email)
  const { addressLineOne, city, postalCode } = input
  const more = [input.addressLineTwo, input.addressLineThree].flatMap((text) => text?.trim() || [])
  const [company, state, country] = [input.company || null, input.state || null, input.country.toUpperCase()]
  await putBillingDetails(platform, tx, scope, {
    name: `${input.firstName} ${input.lastName}`,
    company,
    email: known,
    tax_id: before.tax_id,
    address_lines: [addressLineOne, ...more],
    postal_code: postalCode,
    city,
    region: state,
    country,
  })
  if (known === null) return
  await ensureContact(platform, tx, scope, {
    first_name: input.firstName,
    last_name: input.lastName,
    organization: company,
    email: known,
    phone: `+${input.phoneCc.replace('+', '')}.${input.phone.replaceAll(/\D/g, '')}`,
    address1: addressLineOne,
    address2: more.join(', ').slice(0, 100) || null,
    city,
    state,
    zip: postalCode,
    country,
  })
}
