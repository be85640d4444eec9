/** /v1/wallet/auto-top-up: the saved card tops the wallet up by itself. */
import { type Static, Type } from 'typebox'
import {
  consentWording,
  getAutoTopUp,
  type ShownAutoTopUp,
  updateAutoTopUp,
} from '../billing/payments/auto-settings.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable, OneOfOrNull } from './schemas.ts'

const tags = ['billing']
const sum = (description: string, minimum = 1) => Type.Integer({ minimum, maximum: 1e10, description })

const fields = {
  enabled: Type.Boolean(),
  threshold: sum('It acts when the balance is below this, in minor units.', 0),
  daily_cap: sum('The most that is charged in a day of UTC.'),
  monthly_cap: sum('The same for a month.'),
  interval_minutes: Type.Integer({ minimum: 1, maximum: 10_080, description: 'The least time between two.' }),
}
const amount = sum('How much each time.')
const target = sum('In place of amount: up to which balance.')

const AutoTopUpView = Type.Object(
  {
    ...fields,
    amount: Nullable(amount),
    target: Nullable(target),
    currency: Type.String({ description: 'The wallet’s.' }),
    off_reason: OneOfOrNull(
      ['customer', 'declined', 'card_removed', 'dispute', 'refused'],
      'Why it is off, if it was on.',
    ),
    off_at: Nullable(Moment),
    consent_wording: Type.Object({
      version: Type.String(),
      text: Type.String({ description: 'To be shown to who pays, before it is switched on.' }),
    }),
  },
  { title: 'AutoTopUp' },
)

const AutoTopUpBody = Type.Object(
  {
    ...Type.Partial(Type.Object(fields)).properties,
    amount: Type.Optional(Nullable(amount)),
    target: Type.Optional(Nullable(target)),
    consent: Type.Optional(
      Type.String({
        maxLength: 50,
        description: 'The version of the wording that the customer has agreed to: needed to switch it on.',
      }),
    ),
  },
  closed,
)

export function autoTopUpRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallet/auto-top-up',
    {
      schema: {
        summary: 'Get the settings of automatic top-ups',
        tags,
        response: { 200: AutoTopUpView, ...readProblems() },
      },
    },
    async (request) => autoTopUpView(await getAutoTopUp(platform.db, scopeOf(request))),
  )
  app.patch(
    '/v1/wallet/auto-top-up',
    {
      schema: {
        summary: 'Change automatic top-ups',
        description:
          'Switching them on takes a saved card and the customer’s consent. They go off by themselves after a decline that is final or three in a row, when the card is removed, and with a dispute.',
        tags,
        body: AutoTopUpBody,
        response: {
          200: AutoTopUpView,
          ...writeProblems(
            'auto_top_up_invalid',
            'auto_top_up_consent_required',
            'payment_method_missing',
            'payments_manual',
            'top_up_invalid',
          ),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => ({
        status: 200,
        body: autoTopUpView(await updateAutoTopUp(platform, tx, scopeOf(request), request.body, request.ip)),
      })),
  )
}

function autoTopUpView(settings: ShownAutoTopUp & { currency: string }): Static<typeof AutoTopUpView> {
  const { enabled, threshold, amount, target, daily_cap, monthly_cap, interval_minutes } = settings
  return {
    enabled,
    threshold,
    amount,
    target,
    daily_cap,
    monthly_cap,
    interval_minutes,
    currency: settings.currency,
    off_reason: settings.off_reason,
    off_at: momentOrNull(settings.off_at),
    consent_wording: { ...consentWording },
  }
}
