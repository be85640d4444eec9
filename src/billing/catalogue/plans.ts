/** Plans: so many mailboxes of some services, for one price a period. What they cost are prices (prices.ts). */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { periods } from '../periods.ts'
import type { Period, PlansTable } from '../tables.ts'
import { unitPrice } from '../unit-prices.ts'
import type { PriceBook } from './price-book.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.plan_changed': {
      plan_id: string
      code: string
      change: 'created' | 'updated' | 'archived' | 'restored'
    }
  }
}

export type Plan = Selectable<PlansTable>

export type PlanSettings = Pick<Plan, 'name' | 'description' | 'slots' | 'services'>

const plansMax = 500

/** @throws Refusal plan_code_taken, plan_limit_reached. */
export async function createPlan(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { code, ...settings }: PlanSettings & { code: string },
): Promise<Plan> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from plans`.execute(tx)
  if ((rows[0]?.count ?? 0) >= plansMax) throw new Refusal('plan_limit_reached')
  const now = platform.clock.now()
  const plan = await tx
    .insertInto('plans')
    .values({ id: newId(), code, ...settings, archived_at: null, created_at: now, updated_at: now })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'plans_code_key') throw error
      throw new Refusal('plan_code_taken', undefined, { cause: error })
    })
  await tell(platform, tx, scope, plan, 'created')
  return plan
}

/** What is changed holds at once, also for who has subscribed. @throws Refusal plan_not_found. */
export async function updatePlan(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { archived, ...settings }: Partial<PlanSettings> & { archived?: boolean },
): Promise<Plan> {
  const before = await requirePlan(tx, ref)
  const now = platform.clock.now()
  const archivedAt = (archived ?? before.archived_at !== null) ? (before.archived_at ?? now) : null
  const plan = await tx
    .updateTable('plans')
    .set({ ...settings, archived_at: archivedAt, updated_at: now })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  const wasArchived = before.archived_at !== null
  const isArchived = archivedAt !== null
  await tell(
    platform,
    tx,
    scope,
    plan,
    wasArchived === isArchived ? 'updated' : isArchived ? 'archived' : 'restored',
  )
  return plan
}

/** @param ref its id or code. @throws Refusal plan_not_found. */
export async function requirePlan(db: Db, ref: string): Promise<Plan> {
  const plan = await db
    .selectFrom('plans')
    .selectAll()
    .$if(isId(ref), (query) => query.where('id', '=', ref))
    .$if(!isId(ref), (query) => query.where('code', '=', ref))
    .executeTakeFirst()
  if (!plan) throw new Refusal('plan_not_found')
  return plan
}

/** All plans that can be subscribed to. */
export async function plansOnSale(platform: Platform): Promise<Plan[]> {
  return (await listPlans(platform, false, { after: null, limit: plansMax })).rows
}

/**
 * The plans on sale that people may mean by a text: the one with that id or code, else those with that name, whatever the
 * letters. More than one: it is not to be guessed which.
 */
export function plansCalled(onSale: readonly Plan[], text: string): Plan[] {
  const wanted = text.trim().toLowerCase()
  const exact = onSale.filter(({ id, code }) => id === wanted || code.toLowerCase() === wanted)
  return exact.length > 0 ? exact : onSale.filter(({ name }) => name.trim().toLowerCase() === wanted)
}

/** @param withArchived also those that nobody can subscribe to any more. */
export async function listPlans(
  platform: Platform,
  withArchived: boolean,
  page: PageRequest,
): Promise<Page<Plan>> {
  const rows = await platform.db
    .selectFrom('plans')
    .selectAll()
    .$if(!withArchived, (query) => query.where('archived_at', 'is', null))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type PlanPrice = {
  period: Period
  unitAmount: number
  /** Of one slot beside those of the plan; null: none can be bought. */
  slotAmount: number | null
}

/** What a plan costs now, by period; a period without a price is not sold. */
export function planPrices(book: PriceBook, planId: string): PlanPrice[] {
  return periods.flatMap((period) => {
    const unitAmount = unitPrice(book, { item: 'plan', planId, period }, 1)
    const slotAmount = unitPrice(book, { item: 'plan_slot', planId, period }, 1)
    return unitAmount === null ? [] : [{ period, unitAmount, slotAmount }]
  })
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId }: Scope,
  { id: plan_id, code }: Plan,
  change: 'created' | 'updated' | 'archived' | 'restored',
): Promise<void> {
  const data = { plan_id, code, change }
  await appendEvents(platform, tx, [
    { type: 'billing.plan_changed', organizationId, workspaceId: null, data },
  ])
}
