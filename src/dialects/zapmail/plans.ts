/** Plans by what clients call them: a key such as `zap_mail_growth`, or the name for people. */
import type { Plan } from '../../billing/catalogue/plans.ts'
import { listPlans } from '../../billing/catalogue/plans.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

/** As many as there can be. */
const plansMax = 500

/**
 * The plan on sale with this code, or this name if only one has it, whatever the letters; before a code `zap_mail_` may stand.
 * @throws Refusal plan_not_found.
 */
export async function planNamed(platform: Platform, text: string): Promise<Plan> {
  const { rows } = await listPlans(platform, false, { after: null, limit: plansMax })
  const wanted = text.trim().toLowerCase()
  const codes = [wanted, wanted.replace(/^zap_mail_/, '')]
  const byCode = rows.find(({ code }) => codes.includes(code.toLowerCase()))
  const byName = rows.filter(({ name }) => name.toLowerCase() === wanted)
  const found = byCode ?? (byName.length === 1 ? byName[0] : undefined)
  if (found) return found
  const names = rows.slice(0, 20).map(({ code }) => code)
  const sold = names.length === 0 ? 'none is sold' : `those that are sold: ${names.join(', ')}`
  throw new Refusal('plan_not_found', `There is no such plan; ${sold}.`)
}
