/** Domains bought: by the wallet, or by a payment whose page is linked. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { advanceForCaller } from '../../billing/payments/advance.ts'
import type { TopUp } from '../../billing/payments/top-ups.ts'
import { type Contact, contactData, newestContact } from '../../domains/contacts.ts'
import { buyBasket, type PayBy, priceBasket, type WantedName } from '../../domains/orders/basket.ts'
import { askForMissing } from '../../domains/orders/missing.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { yearsMax } from './domain-search.ts'
import { productOf, providerOf } from './providers.ts'
import { errors } from './schemas.ts'

const namesMax = 50

const BuyBody = Type.Object({
  domains: Type.Array(
    Type.Object({
      domainName: Type.String({ minLength: 1, maxLength: 253 }),
      years: Type.Integer({ minimum: 1, maximum: yearsMax }),
    }),
    { minItems: 1, maxItems: namesMax },
  ),
  useWallet: Type.Optional(Type.Boolean({ description: 'false if not given.' })),
  enableDnsShield: Type.Optional(Type.Boolean()),
})

const BoughtView = Type.Object(
  {
    status: Type.Literal(200),
    message: Type.String(),
    paymentLink: Type.Optional(Type.String({ description: 'Where to pay all of it.' })),
    invoiceLink: Type.Optional(Type.String({ description: 'Where to pay what the wallet lacks.' })),
    data: Type.Object({
      paymentLink: Type.Optional(Type.String()),
      invoiceLink: Type.Optional(Type.String()),
    }),
  },
  { title: 'DomainsBought' },
)

export function domainPurchaseRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/buy',
    {
      schema: {
        summary: 'Buy domains',
        description:
          'All of them, or none, for the newest registrant contact of the workspace. With `useWallet` the wallet pays, and what it has too little for waits for money. Without it, they wait for the payment that the link is for.',
        tags: ['domains'],
        body: BuyBody,
        response: { 200: BoughtView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { domains, useWallet = false, enableDnsShield = false } = request.body
      requireWrite(caller.scope)
      if (enableDnsShield) throw new Refusal('invalid_request', 'DNS Shield is not offered: leave it out.')
      const contact = await requireRegistrant(platform.db, caller.scope)
      const names = await priceBasket(platform, caller.scope, domains.map(wantedName))
      const basket = {
        names,
        contact: contactData(contact),
        product: productOf[providerOf(request)],
        autoRenewUnsaid: false,
      }
      const pay: PayBy = useWallet
        ? { by: 'wallet', whenShort: 'wait' }
        : { by: 'payment', lessWallet: false, returnUrl: null }
      const topUp = await transact(platform, caller, async (tx) => {
        const bought = await buyBasket(platform, tx, caller.scope, basket, pay)
        const orders = bought.placed.map(({ order }) => order)
        return useWallet ? await askForMissing(platform, tx, caller.scope, orders) : bought.topUp
      })
      const url = useWallet ? await linkIfAny(platform, topUp) : await linkOf(platform, topUp)
      return boughtView(url, useWallet)
    },
  )
}

/** Whom domains are registered for. @throws Refusal invalid_request where there is nobody; forbidden. */
export async function requireRegistrant(db: Db, scope: Scope): Promise<Contact> {
  const contact = await newestContact(db, scope)
  if (contact !== null) return contact
  throw new Refusal(
    'invalid_request',
    'A domain is registered for a person: give billing details with a phone number first.',
  )
}

async function linkOf(platform: Platform, topUp: TopUp | null): Promise<string | null> {
  return topUp === null ? null : (await advanceForCaller(platform, topUp.id)).session_url
}

/** The same where what was ordered goes on without it, too: a provider that does not answer is no failure then. */
export async function linkIfAny(platform: Platform, topUp: TopUp | null): Promise<string | null> {
  try {
    return await linkOf(platform, topUp)
  } catch (error) {
    if (error instanceof Refusal && error.code.startsWith('payment_')) return null
    throw error
  }
}

function wantedName({ domainName, years }: Static<typeof BuyBody>['domains'][number]): WantedName {
  return { name: domainName, years }
}

function boughtView(url: string | null, useWallet: boolean): Static<typeof BoughtView> {
  const status = 200 as const
  if (url === null) return { status, message: 'Domains purchased', data: {} }
  const link = useWallet ? { invoiceLink: url } : { paymentLink: url }
  const message = useWallet ? 'Domains wait for what the wallet lacks' : 'Payment link created successfully'
  return { status, message, ...link, data: link }
}
