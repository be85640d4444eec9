/** Pricers: what a registrar's cost is sold for to a workspace, by a price that was set for the suffix, or by the markup. */
import { domainPricesFor } from '../../billing/catalogue/domain-prices.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { markupFor } from './markups.ts'

/** @returns null for what is not sold: the markup is of another currency than the cost. */
type PriceOfCost = (cost: Money, sold: { years: number; premium: boolean }) => Money | null

export type Pricer = { register: PriceOfCost; renew: PriceOfCost }

/** A premium name costs more than others of its suffix: it always takes the markup. */
export async function pricerFor(platform: Platform, workspaceId: string, suffix: string): Promise<Pricer> {
  const [set, markup] = await Promise.all([
    domainPricesFor(platform, workspaceId, suffix),
    markupFor(platform.db, suffix),
  ])
  const by =
    (perYear: Money | null): PriceOfCost =>
    (cost, { years, premium }) =>
      perYear === null || premium ? markup(cost) : { ...perYear, amount: perYear.amount * years }
  return { register: by(set.register), renew: by(set.renew) }
}
