/** The wallet of a workspace: what it has, how money comes in, and slots bought from it. */
import { Type } from 'typebox'
import { requireWorkspace, requireWrite } from '../../accounts/principals.ts'
import { advanceForCaller } from '../../billing/payments/advance.ts'
import { getAutoTopUp, updateAutoTopUp } from '../../billing/payments/auto-settings.ts'
import { defaultCard } from '../../billing/payments/cards.ts'
import { openPortal } from '../../billing/payments/portal.ts'
import { createTopUp } from '../../billing/payments/top-ups.ts'
import { changeSubscription } from '../../billing/subscriptions/changes.ts'
import { livingSubscription } from '../../billing/subscriptions/rows.ts'
import { walletOf } from '../../billing/wallets.ts'
import { usedSlots } from '../../mailboxes/payment/slots.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { minorOf, unitsOf } from './amounts.ts'
import { invoiceLink, LinkView, linkOf } from './links.ts'
import { DataOf, dataOf, errors } from './schemas.ts'

const tags = ['payments & wallet']

const WalletView = Type.Object(
  {
    walletBalance: Type.Number(),
    autoRechargeEnabled: Type.Boolean(),
    autoRechargeDetails: Type.Object({
      threshold: Type.Number(),
      minimumRechargeAmount: Type.Number({ description: 'How much comes in each time, at least.' }),
    }),
  },
  { title: 'Wallet' },
)

const unitsMax = 1e8
const Units = Type.Number({ exclusiveMinimum: 0, maximum: unitsMax })
const RechargeBody = Type.Object({
  enable: Type.Boolean(),
  threshold: Type.Optional(Type.Number({ minimum: 0, maximum: unitsMax, description: 'Default: 20.' })),
  minimumRechargeAmount: Type.Optional({ ...Units, description: 'Default: 50.' }),
})
const presets = { threshold: 20, minimumRechargeAmount: 50 } as const

export function walletRoutes(app: Api, platform: Platform): void {
  balanceRoutes(app, platform)
  rechargeRoute(app, platform)
  slotsRoute(app, platform)
}

function balanceRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/wallet/balance',
    { schema: { summary: 'Get the wallet', tags, response: { 200: DataOf(WalletView), ...errors() } } },
    async (request) => {
      const { scope } = callerOf(request)
      requireWorkspace(scope)
      const { balance, currency } = await walletOf(platform, scope)
      const { enabled, threshold, amount, target } = await getAutoTopUp(platform.db, scope)
      const units = (minor: number) => unitsOf({ amount: minor, currency })
      return dataOf('Wallet balance fetched successfully', {
        walletBalance: units(balance),
        autoRechargeEnabled: enabled,
        autoRechargeDetails: {
          threshold: units(threshold),
          minimumRechargeAmount: units(amount ?? (target ?? 0) - threshold),
        },
      })
    },
  )
  app.post(
    '/v2/wallet/balance',
    {
      schema: {
        summary: 'Get a link at which the wallet is topped up',
        description: 'The balance changes once it is paid there.',
        tags,
        body: Type.Object({ amount: Units }),
        response: { 200: LinkView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { currency } = await walletOf(platform, caller.scope)
      const wanted = {
        amount: minorOf(request.body.amount, currency, 'amount'),
        currency,
        method: 'checkout',
        returnUrl: null,
      } as const
      // The row is committed before the provider is asked, and no transaction waits for the answer.
      const { id } = await transact(platform, caller, (tx) => createTopUp(platform, tx, caller.scope, wanted))
      const { session_url: url } = await advanceForCaller(platform, id)
      return linkOf('Checkout session created successfully', url)
    },
  )
}

function rechargeRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/wallet/enable-auto-recharge',
    {
      schema: {
        summary: 'Switch automatic top-ups on or off',
        description:
          'Switching them on takes a saved card, and the consent of who pays, which is given elsewhere. Without a card the reply has a link where it is saved, and nothing is switched on.',
        tags,
        body: RechargeBody,
        response: { 200: LinkView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { enable: enabled, ...sums } = { ...presets, ...request.body }
      requireWorkspace(scope)
      requireWrite(scope)
      if (!enabled) {
        const off = { enabled: false }
        await transact(platform, caller, (tx) => updateAutoTopUp(platform, tx, scope, off, request.ip))
        return linkOf('Auto-recharge is off', null)
      }
      if ((await defaultCard(platform.db, scope.workspaceId)) === null) {
        const link = await openPortal(platform, scope, null)
        return linkOf('Add your payment method to enable auto-recharge', link)
      }
      await transact(platform, caller, async (tx) => {
        const { currency } = await getAutoTopUp(tx, scope)
        const change = {
          enabled,
          threshold: minorOf(sums.threshold, currency, 'threshold'),
          amount: minorOf(sums.minimumRechargeAmount, currency, 'minimumRechargeAmount'),
        }
        await updateAutoTopUp(platform, tx, scope, change, request.ip)
      })
      return linkOf('Auto-recharge is on', null)
    },
  )
}

function slotsRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/wallet/buy-addon-mailboxes',
    {
      schema: {
        summary: 'Buy slots beside those of the plan',
        description: 'Paid from the wallet: the part of their price that is left of the period.',
        tags,
        querystring: Type.Object({ quantity: Type.String({ pattern: '^[1-9][0-9]{0,4}$' }) }),
        response: { 200: LinkView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const changed = await transact(platform, caller, async (tx) => {
        requireWorkspace(scope)
        const plan = await livingSubscription(tx, scope.workspaceId)
        if (plan === null) {
          throw new Refusal('invalid_request', 'There is no plan that mailboxes could be added to.')
        }
        const present = plan.next_extra_slots ?? plan.extra_slots
        const wish = { extraSlots: present + Number(request.query.quantity) }
        const options = { countUsed: usedSlots, versions: null }
        return await changeSubscription(platform, tx, scope, plan.id, wish, options)
      })
      const link = invoiceLink(platform, changed.slots_invoice_id)
      const told = 'Mailbox purchase is processed successfully'
      return linkOf(link === null ? told : `${told} and invoice is created. ${link}`, link)
    },
  )
}
