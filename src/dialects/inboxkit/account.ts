/** The account: the team, what its wallet has, what mailboxes cost, and the plan. */
import { Type } from 'typebox'
import { organizationNames } from '../../accounts/organizations.ts'
import { priceBookOf } from '../../billing/catalogue/price-book.ts'
import { walletIncome } from '../../billing/income.ts'
import { getAutoTopUp } from '../../billing/payments/auto-settings.ts'
import { unitPrice } from '../../billing/unit-prices.ts'
import { walletOf } from '../../billing/wallets.ts'
import type { Product } from '../../domains/products.ts'
import { listPaidPlans } from '../../mailboxes/payment/paid-things.ts'
import { serviceMappingOf } from '../../mailboxes/service-mapping.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { creditsOf, payingScope } from './credits.ts'
import { errors, Ok, ok } from './schemas.ts'

const cost = Type.Number({ description: 'A month of one more; 0 when it has no price.' })

const AccountView = Ok({
  team: Type.String(),
  credits_remaining: Type.Number(),
  total_credits: Type.Number(),
  cost_per_google_mailbox: cost,
  cost_per_ms_outlook_mailbox: cost,
  credits_per_google_mailbox: cost,
  credits_per_ms_outlook_mailbox: cost,
  auto_topup_enabled: Type.Boolean(),
  auto_topup_config: Type.Union([
    Type.Object({
      auto_topup_trigger_drops_below: Type.Number(),
      auto_topup_add_credits: Type.Union([Type.Number(), Type.Null()]),
    }),
    Type.Null(),
  ]),
  current_plan: Type.Optional(Type.Object({ name: Type.String(), cycle: Type.String() })),
})

export function accountRoutes(app: Api, platform: Platform): void {
  app.get(
    '/account',
    {
      config: { ofTeam: true },
      schema: { summary: 'Get the account', tags: ['Account'], response: { 200: AccountView, ...errors() } },
    },
    async (request) => {
      const { db } = platform
      const scope = await payingScope(platform, request)
      const { organizationId, workspaceId } = scope
      const total = await walletIncome(platform, scope)
      const { balance, currency } = await walletOf(platform, scope)
      const { enabled, threshold, amount } = await getAutoTopUp(db, scope)
      const book = await priceBookOf(platform, db, workspaceId, ['mailbox'])
      const mapping = await serviceMappingOf(db, workspaceId)
      const costOf = (product: Product): number => {
        const wanted = { item: 'mailbox', service: mapping[product], period: 'monthly' } as const
        const unitAmount = unitPrice(book, wanted, 1) ?? 0
        return creditsOf({ amount: unitAmount, currency: book.currency })
      }
      const [google, microsoft] = [costOf('google'), costOf('microsoft')]
      const config = {
        auto_topup_trigger_drops_below: creditsOf({ amount: threshold, currency }),
        auto_topup_add_credits: amount === null ? null : creditsOf({ amount, currency }),
      }
      const [plan] = await listPaidPlans(platform, scope)
      return ok('Account details retrieved successfully', {
        team: (await organizationNames(db, [organizationId])).get(organizationId) ?? '',
        credits_remaining: creditsOf({ amount: balance, currency }),
        total_credits: creditsOf({ amount: total, currency }),
        cost_per_google_mailbox: google,
        cost_per_ms_outlook_mailbox: microsoft,
        credits_per_google_mailbox: google,
        credits_per_ms_outlook_mailbox: microsoft,
        auto_topup_enabled: enabled,
        auto_topup_config: enabled ? config : null,
        ...(plan?.plan ? { current_plan: { name: plan.plan.name, cycle: plan.period } } : {}),
      })
    },
  )
}
