/** Plans by what clients call them: a key such as `zap_mail_growth`, or the name for people. */
import { type Plan, plansCalled, plansOnSale } from '../../billing/catalogue/plans.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

/**
 * The plan on sale that a text means; before a code `zap_mail_` may stand.
 * @throws Refusal plan_not_found, also where several have that name.
 */
export async function planNamed(platform: Platform, text: string): Promise<Plan> {
  const onSale = await plansOnSale(platform)
  const called = plansCalled(onSale, text)
  const [plan, other] = called.length > 0 ? called : plansCalled(onSale, text.replace(/^\s*zap_mail_/i, ''))
  if (plan && !other) return plan
  const codes = onSale.slice(0, 20).map(({ code }) => code)
  const sold = codes.length === 0 ? 'none is sold' : `those that are sold: ${codes.join(', ')}`
  throw new Refusal(
    'plan_not_found',
    other ? `Several plans are named so; ${sold}.` : `There is no such plan; ${sold}.`,
  )
}
