/** /v1/billing-settings: the operator's terms, for all tenants. */
import { type Static, Type } from 'typebox'
import { type BillingSettings, billingSettingsOf, isBilling } from '../billing/settings.ts'
import { changeBillingSettings } from '../billing/settings-changes.ts'
import type { Platform } from '../platform/platform.ts'
import { mutate } from './mutate.ts'
import { forOperators, operatorScope, requireOperatorCall } from './operators.ts'
import { partyFields } from './party-fields.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable } from './schemas.ts'

const Prefix = Type.String({
  maxLength: 16,
  pattern: '^[A-Za-z0-9/._-]*[A-Za-z/._-]$',
  description: 'Numbers begin with it; it does not end with a digit.',
})
const days = (maximum: number, description: string) => Type.Integer({ minimum: 0, maximum, description })

const fields = {
  currency: Type.String({
    pattern: '^[A-Z]{3}$',
    maxLength: 3,
    description: 'In which wallets are opened. It can be changed until money has moved in any wallet.',
  }),
  issuer: Type.Partial(Type.Object(partyFields), { ...closed, description: 'Who writes the invoices.' }),
  invoice_prefix: Prefix,
  credit_note_prefix: Prefix,
  notice_days: Type.Array(Type.Integer({ minimum: 1, maximum: 365 }), {
    maxItems: 10,
    description: 'How many days before its end a period’s renewal is announced.',
  }),
  retry_hours: Type.Array(Type.Integer({ minimum: 1, maximum: 8760 }), {
    maxItems: 20,
    description: 'When a renewal that was not paid is tried again, in hours after the period’s end.',
  }),
  suspend_after_days: days(365, 'Until what is not paid is suspended, after its period’s end.'),
  delete_after_days: days(3650, 'Until it is deleted; not before the suspension.'),
  delete_notice_days: days(365, 'How long before it the deletion is announced.'),
  payment_wait_days: days(365, 'How long something may wait for its first payment.'),
}

const SettingsView = Type.Object(
  {
    enabled: Type.Boolean({ description: 'MAILWRIGHT_BILLING: whether anything is paid here.' }),
    ...fields,
    updated_at: Nullable(Moment),
  },
  { title: 'BillingSettings' },
)
const SettingsBody = Type.Partial(Type.Object(fields), { ...closed, title: 'BillingSettingsChanges' })
const tags = ['billing']

export function billingSettingsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/billing-settings',
    {
      schema: {
        summary: 'Get the terms of billing',
        description: forOperators,
        tags,
        response: { 200: SettingsView, ...readProblems() },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      return settingsView(platform, await billingSettingsOf(platform.db))
    },
  )
  app.patch(
    '/v1/billing-settings',
    {
      schema: {
        summary: 'Change the terms of billing',
        description: `They hold at once, also for what is unpaid already. The issuer is replaced whole. ${forOperators}`,
        tags,
        body: SettingsBody,
        response: { 200: SettingsView, ...writeProblems('billing_currency_in_use') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const settings = await changeBillingSettings(platform, tx, scope, request.body)
        return { status: 200, body: settingsView(platform, settings) }
      }),
  )
}

function settingsView(platform: Platform, settings: BillingSettings): Static<typeof SettingsView> {
  const { is_only: _, updated_at, issuer, ...rest } = settings
  const { tax_name: __, ...party } = issuer
  return {
    ...rest,
    issuer: party,
    enabled: isBilling(platform),
    updated_at: momentOrNull(updated_at),
  }
}
