/** The wallet: what is in it, what moved it, and how money comes. */
import { Type } from 'typebox'
import { walletIncome } from '../../billing/income.ts'
import { advanceForCaller } from '../../billing/payments/advance.ts'
import { getAutoTopUp, updateAutoTopUp } from '../../billing/payments/auto-settings.ts'
import { openPortal } from '../../billing/payments/portal.ts'
import { createTopUp } from '../../billing/payments/top-ups.ts'
import { numberWalletEntries } from '../../billing/wallet-entries.ts'
import { walletOf } from '../../billing/wallets.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { amountOf, creditsOf, payingScope } from './credits.ts'
import {
  closed,
  DoneView,
  done,
  errors,
  Moment,
  Ok,
  ok,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
} from './schemas.ts'

const WalletView = Ok({
  total_credits: Type.Number({ description: 'What has come, less what was paid back.' }),
  credits_used: Type.Number({ description: 'Also what is put aside for orders in progress.' }),
  credits_remaining: Type.Number(),
  auto_topup_enabled: Type.Boolean(),
  auto_topup_mode: Type.String(),
  auto_topup_trigger_drops_below: Nullable(Type.Number()),
  auto_topup_add_credits: Nullable(Type.Number()),
})

const LogView = Type.Object({
  uid: Type.String(),
  type: Type.String(),
  credits: Type.Number({ description: 'How it moved what remains.' }),
  description: Type.String(),
  createdAt: Moment,
})

const AutoTopUpBody = Type.Object(
  {
    auto_topup_enabled: Type.Boolean(),
    auto_topup_trigger_drops_below: Type.Optional(Type.Number({ minimum: 0, maximum: 1e8 })),
    auto_topup_add_credits: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e8 })),
  },
  closed,
)
const CreditsBody = Type.Object({ credits: Type.Number({ exclusiveMinimum: 0, maximum: 1e8 }) }, closed)

const tags = ['Billing']
const config = { ofTeam: true }
const noStore = { 'cache-control': 'no-store' } as const

export function walletRoutes(app: Api, platform: Platform): void {
  app.get(
    '/billing/wallet',
    { config, schema: { summary: 'Get the wallet', tags, response: { 200: WalletView, ...errors() } } },
    async (request) => {
      const scope = await payingScope(platform, request)
      const total = await walletIncome(platform, scope)
      const { balance, currency } = await walletOf(platform, scope)
      const { enabled, threshold, amount } = await getAutoTopUp(platform.db, scope)
      const credits = (minor: number): number => creditsOf({ amount: minor, currency })
      return ok('Wallet Details', {
        total_credits: credits(total),
        credits_used: credits(total - balance),
        credits_remaining: credits(balance),
        auto_topup_enabled: enabled,
        auto_topup_mode: 'threshold',
        auto_topup_trigger_drops_below: enabled ? credits(threshold) : null,
        auto_topup_add_credits: enabled && amount !== null ? credits(amount) : null,
      })
    },
  )
  app.get(
    '/billing/wallet/logs',
    {
      config,
      schema: {
        summary: 'List the movements of the wallet',
        description: 'The newest first.',
        tags,
        querystring: Type.Object(pageInput),
        response: { 200: Ok({ logs: Type.Array(LogView), ...pageOutput }), ...errors() },
      },
    },
    async (request) => {
      const page = pageOf(request.query)
      const found = await numberWalletEntries(platform, await payingScope(platform, request), page)
      const logs = found.rows.map(({ id, kind, amount, currency, description, created_at: at }) => {
        const credits = creditsOf({ amount, currency })
        return { uid: id, type: kind, credits, description, createdAt: at.toISOString() }
      })
      return ok('Wallet logs retrieved successfully', { logs, ...pageFields(found, page) })
    },
  )
  for (const path of [
    '/billing/wallet/add-credits',
    '/billing/add-credits',
    '/billing/wallet/add',
    '/billing/credits',
  ]) {
    addCreditsRoute(app, platform, path)
  }
  autoTopUpRoute(app, platform)
  for (const path of ['/billing/manage', '/billing/portal']) portalRoute(app, platform, path)
}

function addCreditsRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      config: { ...config, takesMoney: true },
      schema: {
        summary: 'Top the wallet up',
        description: 'The customer pays at the `url`.',
        tags,
        body: CreditsBody,
        response: { 200: Ok({ url: Type.String(), session_id: Type.String() }), ...errors(400, 402) },
      },
    },
    async (request, reply) => {
      const scope = await payingScope(platform, request)
      const { currency } = await walletOf(platform, scope)
      const amount = amountOf('credits', request.body.credits, currency)
      // The row is committed before the provider is asked, and no transaction waits for the answer.
      const { id } = await transact(platform, callerOf(request), (tx) =>
        createTopUp(platform, tx, scope, { amount, currency, method: 'checkout', returnUrl: null }),
      )
      const { session_url: url, session_id: sessionId } = await advanceForCaller(platform, id)
      if (url === null || sessionId === null) throw new Refusal('payment_provider_failed')
      void reply.headers(noStore)
      return ok('Payment session created successfully', { url, session_id: sessionId })
    },
  )
}

function autoTopUpRoute(app: Api, platform: Platform): void {
  app.post(
    '/billing/auto-topup',
    {
      config,
      schema: {
        summary: 'Set automatic top-ups',
        description:
          'To switch them on takes a saved card, and the customer’s consent, which was given elsewhere.',
        tags,
        body: AutoTopUpBody,
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const scope = await payingScope(platform, request)
      const { currency } = await walletOf(platform, scope)
      const {
        auto_topup_enabled: enabled,
        auto_topup_trigger_drops_below: below,
        auto_topup_add_credits: add,
      } = request.body
      const change = {
        enabled,
        ...(below === undefined
          ? {}
          : { threshold: amountOf('auto_topup_trigger_drops_below', below, currency) }),
        ...(add === undefined ? {} : { amount: amountOf('auto_topup_add_credits', add, currency) }),
      }
      await transact(platform, callerOf(request), (tx) =>
        updateAutoTopUp(platform, tx, scope, change, request.ip),
      )
      return done('Auto top-up settings updated successfully')
    },
  )
}

function portalRoute(app: Api, platform: Platform, path: string): void {
  app.get(
    path,
    {
      config,
      schema: {
        summary: 'Get a link to the page for cards and receipts',
        description: 'Good for a short time, and for whoever has it.',
        tags,
        response: { 200: Ok({ url: Type.String() }), ...errors(400) },
      },
    },
    async (request, reply) => {
      const url = await openPortal(platform, await payingScope(platform, request), null)
      void reply.headers(noStore)
      return ok('Billing portal link created successfully', { url })
    },
  )
}
