/** Domains bought: out of the wallet, or by a payment that its page is answered for. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { advanceForCaller } from '../../billing/payments/advance.ts'
import type { TopUp } from '../../billing/payments/top-ups.ts'
import { type BoughtBasket, buyBasket, type PayBy, priceBasket } from '../../domains/orders/basket.ts'
import { parsePhoneNumber } from '../../domains/phone-numbers.ts'
import type { ContactData } from '../../domains/registrars/driver.ts'
import { changeSettings } from '../../domains/settings.ts'
import { catchAllGoalOf, putCatchAll } from '../../mailboxes/extra-addresses.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { formatMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { Years } from './domain-search.ts'
import { DomainName } from './domains.ts'
import { closed, errors, Ok, ok } from './schemas.ts'

/** Registrars are asked for all of them at once. */
const namesMax = 50

const noControls = '^[^\\u0000-\\u001f\\u007f]*$'
const Line = (maxLength = 100) => Type.String({ minLength: 1, maxLength, pattern: noControls })
const OptionalLine = Type.Optional(Type.String({ maxLength: 100, pattern: noControls }))
export const Email = Type.String({ minLength: 3, maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' })

export const ContactDetails = Type.Object(
  {
    first_name: Line(),
    last_name: Line(),
    email: Email,
    phone: Type.Optional(
      Type.String({
        maxLength: 40,
        description: 'With the code of the country, as in +49 30 1234567. Registries ask for it.',
      }),
    ),
    organization: OptionalLine,
    address_line1: Line(),
    address_line2: OptionalLine,
    city: Line(),
    state: Type.String({ maxLength: 100, pattern: noControls }),
    country: Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2.' }),
    postal_code: Line(20),
  },
  closed,
)

const RegisterBody = Type.Object(
  {
    domains: Type.Array(Type.Object({ name: DomainName, registration_years: Years }, closed), {
      minItems: 1,
      maxItems: namesMax,
    }),
    contact_details: ContactDetails,
    use_wallet_balance: Type.Optional(Type.Boolean()),
    dmarc_email: Type.Optional(Email),
    catch_all_email: Type.Optional(Email),
    domain_forwarding_url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
  },
  closed,
)

const RegisteredView = Ok({
  url: Type.Optional(
    Type.String({ description: 'Of the payment’s page; nothing is registered before it is paid.' }),
  ),
  session_id: Type.Optional(Type.String()),
  domains_count: Type.Integer(),
  total_cost: Type.Number({ description: 'With tax and discounts.' }),
  payment_type: Type.Optional(Type.Literal('wallet')),
  contact_details: Type.Optional(
    Type.Object({ first_name: Type.String(), last_name: Type.String(), email: Type.String() }),
  ),
  domain_uids: Type.Array(Type.String()),
})

type Body = Static<typeof RegisterBody>

export function registrationRoutes(app: Api, platform: Platform): void {
  app.post(
    '/domains/register',
    {
      schema: {
        summary: 'Register domains',
        description:
          'All or none of them. With `use_wallet_balance` out of the wallet; otherwise, or where that has too little, they wait for the payment whose page is at `url`. A name that waits already is paid with the others.',
        tags: ['Domains'],
        body: RegisterBody,
        response: { 200: RegisteredView, ...errors(400, 409) },
      },
      config: { tellsConflicts: true },
    },
    async (request) => {
      const caller = callerOf(request)
      const { body } = request
      requireWrite(caller.scope)
      const contact = contactOf(body.contact_details)
      const wanted = body.domains.map(({ name, registration_years: years }) => ({ name, years }))
      const names = await priceBasket(platform, caller.scope, wanted)
      const buy = (pay: PayBy) =>
        transact(platform, caller, async (tx) => {
          const bought = await buyBasket(platform, tx, caller.scope, { names, contact }, pay)
          for (const { domain } of bought.placed)
            await applyWishes(platform, tx, caller.scope, domain.id, body)
          return bought
        })
      return await registeredView(platform, await buyAsWanted(buy, body.use_wallet_balance === true), body)
    },
  )
}

async function buyAsWanted(
  buy: (pay: PayBy) => Promise<BoughtBasket>,
  useWallet: boolean,
): Promise<BoughtBasket> {
  try {
    if (!useWallet) return await buy({ by: 'payment', lessWallet: false, returnUrl: null })
    return await buy({ by: 'wallet' }).catch(async (error: unknown) => {
      if (!(error instanceof Refusal && error.code === 'insufficient_funds')) throw error
      return await buy({ by: 'payment', lessWallet: true, returnUrl: null })
    })
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'payments_manual')) throw error
    const detail = useWallet
      ? 'The wallet has too little, and this server takes no payments online: its operator adds credits.'
      : 'This server takes no payments online: set use_wallet_balance to pay from the wallet.'
    throw new Refusal('invalid_request', detail, { cause: error })
  }
}

/** @throws Refusal invalid_request for a number that cannot be read. */
export function contactOf(details: Static<typeof ContactDetails>): ContactData {
  const { phone: text = '' } = details
  const phone = parsePhoneNumber(text)
  if (phone === null) {
    const detail =
      text === '' ? 'is required: registries ask for it' : 'must be a number with the code of its country'
    throw new Refusal('invalid_request', `contact_details.phone ${detail}`)
  }
  return {
    first_name: details.first_name,
    last_name: details.last_name,
    organization: details.organization || null,
    email: details.email,
    phone,
    address1: details.address_line1,
    address2: details.address_line2 || null,
    city: details.city,
    state: details.state || null,
    zip: details.postal_code,
    country: details.country.toUpperCase(),
  }
}

/** What the domains are to be set up with. */
async function applyWishes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domainId: string,
  { dmarc_email: dmarc, catch_all_email: catchAll, domain_forwarding_url: url }: Body,
): Promise<void> {
  const changes = {
    ...(dmarc === undefined ? {} : { dmarcReportAddress: dmarc }),
    ...(url === undefined ? {} : { redirect: { url, status: 301 as const, keepsPath: true } }),
  }
  if (Object.keys(changes).length > 0) await changeSettings(platform, tx, scope, domainId, changes, null)
  if (catchAll !== undefined) {
    await putCatchAll(platform, tx, scope, domainId, await catchAllGoalOf(tx, scope, catchAll))
  }
}

async function registeredView(
  platform: Platform,
  { placed, total, topUp }: BoughtBasket,
  { contact_details: contact }: Body,
): Promise<Static<typeof RegisteredView>> {
  const facts = {
    domains_count: placed.length,
    total_cost: Number(formatMoney(total)),
    domain_uids: placed.map(({ domain }) => domain.id),
  }
  if (topUp !== null) {
    return ok('Payment session created successfully', { ...(await pageOf(platform, topUp)), ...facts })
  }
  const { first_name, last_name, email } = contact
  return ok('Domains registration initiated successfully', {
    ...facts,
    payment_type: 'wallet' as const,
    contact_details: { first_name, last_name, email },
  })
}

/** @throws Refusal payment_provider_failed, payment_refused; the orders wait all the same, and a new call finds them. */
async function pageOf(platform: Platform, { id }: TopUp): Promise<{ url: string; session_id: string }> {
  const { session_id, session_url: url } = await advanceForCaller(platform, id)
  if (session_id === null || url === null) throw new Refusal('payment_provider_failed')
  return { url, session_id }
}
