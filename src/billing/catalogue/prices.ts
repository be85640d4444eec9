/**
 * Prices: rows with a time in which they hold, set by the operator. Prices of the same thing stand one behind the other
 * (timeline.ts); what has held stays as it was, because a renewal that runs late is billed by it.
 */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { billingSettingsOf } from '../settings.ts'
import type { Item, PriceStep, PricesTable } from '../tables.ts'
import { requirePlan } from './plans.ts'
import { checkSteps, checkThing, type ThingFields } from './things.ts'
import { placeSpan, type Span, spanToExtend } from './timeline.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    /** `price_workspace_id`: of a special price. */
    'billing.price_changed': {
      price_id: string
      item: Item
      change: 'created' | 'updated' | 'deleted'
      price_workspace_id: string | null
    }
  }
}

export type Price = Selectable<PricesTable>

export type NewPrice = ThingFields & {
  /** null: everybody's. */
  workspaceId: string | null
  /** null: the platform's. */
  currency: string | null
  unitAmount: number
  steps: PriceStep[]
  /** null: now. */
  validFrom: Date | null
  /** null: until the next one begins. */
  validUntil: Date | null
}

const rowsMax = 50_000
const rowsPerThingMax = 500

/**
 * Sets a price: what held until then ends when it begins, in this transaction.
 * @throws Refusal invalid_request, plan_not_found, workspace_not_found, price_overlap, price_limit_reached.
 */
export async function createPrice(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewPrice,
): Promise<Price> {
  const { plan, ...thing } = checkThing(wanted)
  checkSteps(wanted.item, wanted.steps)
  await lockCatalogue(tx)
  const price = {
    item: thing.item,
    service: thing.service,
    period: thing.period,
    tld: thing.tld,
    plan_id: plan === null ? null : (await requirePlan(tx, plan)).id,
    workspace_id: wanted.workspaceId === null ? null : await requireWorkspaceId(tx, wanted.workspaceId),
    currency: wanted.currency ?? (await billingSettingsOf(tx)).currency,
    unit_amount: wanted.unitAmount,
    steps: wanted.steps,
  }
  const rows = await rowsOf(tx, price)
  await requireRoom(tx, rows.length)
  // After the lock: what was asked for later holds, whoever waited.
  const now = platform.clock.now()
  const from = wanted.validFrom ?? freeMoment(rows, now)
  if (from < now) throw wrongTime('valid_from', 'is over')
  const placed = await place(tx, rows, {
    ...price,
    id: newId(),
    valid_from: from,
    valid_until: wanted.validUntil,
    created_at: now,
  })
  await tell(platform, tx, scope, placed, 'created')
  return placed
}

export type PriceChanges = {
  unitAmount?: number
  steps?: PriceStep[]
  validFrom?: Date
  validUntil?: Date | null
}

/**
 * Changes a price that does not hold yet, or the end of one that holds.
 * @throws Refusal price_not_found, price_state_conflict, price_overlap, invalid_request.
 */
export async function updatePrice(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  changes: PriceChanges,
): Promise<Price> {
  await lockCatalogue(tx)
  const before = await requirePrice(tx, id)
  const now = platform.clock.now()
  const rows = (await rowsOf(tx, before)).filter((row) => row.id !== before.id)
  const { unitAmount, steps, validFrom, validUntil = before.valid_until } = changes
  if (validUntil !== null && validUntil < now && validUntil !== before.valid_until)
    throw wrongTime('valid_until', 'is over')
  const isPlanned = before.valid_from > now
  const isMore = [unitAmount, steps, validFrom].some((change) => change !== undefined)
  if (!isPlanned && (isMore || (before.valid_until !== null && before.valid_until <= now)))
    throw new Refusal('price_state_conflict')
  if (isPlanned) {
    checkSteps(before.item, steps ?? before.steps)
    if (validFrom !== undefined && validFrom < now) throw wrongTime('valid_from', 'is over')
  }
  const left = isPlanned ? await takeOut(tx, rows, before) : rows
  const changed = await place(tx, left, {
    ...before,
    unit_amount: unitAmount ?? before.unit_amount,
    steps: steps ?? before.steps,
    valid_from: validFrom ?? before.valid_from,
    valid_until: validUntil,
  })
  await tell(platform, tx, scope, changed, 'updated')
  return changed
}

/**
 * Takes back a price that does not hold yet: the one that it would have ended goes on.
 * @throws Refusal price_not_found, price_state_conflict.
 */
export async function deletePrice(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  await lockCatalogue(tx)
  const price = await requirePrice(tx, id)
  if (price.valid_from <= platform.clock.now()) throw new Refusal('price_state_conflict')
  const rows = (await rowsOf(tx, price)).filter((row) => row.id !== price.id)
  await takeOut(tx, rows, price)
  await tx.deleteFrom('prices').where('id', '=', price.id).execute()
  await tell(platform, tx, scope, price, 'deleted')
}

/** @throws Refusal price_not_found. */
export async function requirePrice(db: Db, id: string): Promise<Price> {
  const row = isId(id)
    ? await db.selectFrom('prices').selectAll().where('id', '=', id).executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('price_not_found')
  return row
}

export type PriceFilter = { item: Item | null; workspaceId: string | null; at: Date | null }

/** All prices, also those that are over, for the operator. */
export async function listPrices(
  platform: Platform,
  { item, workspaceId, at }: PriceFilter,
  page: PageRequest,
): Promise<Page<Price>> {
  const rows = await platform.db
    .selectFrom('prices')
    .selectAll()
    .$if(item !== null, (query) => query.where('item', '=', item ?? 'mailbox'))
    .$if(workspaceId !== null, (query) => query.where('workspace_id', '=', workspaceId))
    .$if(at !== null, (query) =>
      query.where(sql<boolean>`valid_from <= ${at} and (valid_until is null or valid_until > ${at})`),
    )
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** One change of the catalogue at a time; reading it waits for nobody. */
export async function lockCatalogue(tx: Tx): Promise<void> {
  await sql`select 1 from billing_settings for no key update`.execute(tx)
}

type Thing = Pick<Price, 'item' | 'workspace_id' | 'plan_id' | 'service' | 'period' | 'tld' | 'currency'>

/** All prices of a thing. */
async function rowsOf(tx: Tx, thing: Thing): Promise<Price[]> {
  const { rows } = await sql<Price>`select * from prices
    where item = ${thing.item} and currency = ${thing.currency}
      and workspace_id is not distinct from ${thing.workspace_id}::uuid
      and plan_id is not distinct from ${thing.plan_id}::uuid
      and service is not distinct from ${thing.service}::text
      and period is not distinct from ${thing.period}::text
      and tld is not distinct from ${thing.tld}::text`.execute(tx)
  return rows
}

/** Writes a price, new or changed, among the others of its thing. */
async function place(tx: Tx, rows: readonly Price[], price: Price): Promise<Price> {
  const { valid_from: from, valid_until: wantedUntil } = price
  if (wantedUntil !== null && wantedUntil <= from)
    throw wrongTime('valid_until', 'is not after the price begins')
  const placed = placeSpan(rows.map(spanOf), {
    from: from.getTime(),
    until: wantedUntil?.getTime() ?? null,
  })
  if (placed === null) throw new Refusal('price_overlap')
  const { cut, resume } = placed
  if (cut !== null) await end(tx, cut.id, cut.until)
  const interrupted = rows.find((row) => row.id === resume?.id)
  if (resume !== null && interrupted) {
    await write(tx, {
      ...interrupted,
      id: newId(),
      valid_from: new Date(resume.from),
      valid_until: dateOf(resume.until),
    })
  }
  const written = { ...price, valid_until: dateOf(placed.until) }
  await write(tx, written)
  return written
}

/** Lets the price before go on in the place of one that is taken out. @returns the others, as they then are. */
async function takeOut(tx: Tx, rows: readonly Price[], price: Price): Promise<Price[]> {
  const extended = spanToExtend(rows.map(spanOf), spanOf(price))
  if (extended === null) return [...rows]
  await end(tx, extended.id, extended.until)
  return rows.map((row) => (row.id === extended.id ? { ...row, valid_until: dateOf(extended.until) } : row))
}

async function end(tx: Tx, id: string, until: number | null): Promise<void> {
  await tx
    .updateTable('prices')
    .set({ valid_until: dateOf(until) })
    .where('id', '=', id)
    .execute()
}

async function write(tx: Tx, price: Price): Promise<void> {
  const row = { ...price, steps: sql<PriceStep[]>`${JSON.stringify(price.steps)}::jsonb` }
  await tx
    .insertInto('prices')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

function spanOf({ id, valid_from, valid_until }: Price): Span {
  return { id, from: valid_from.getTime(), until: valid_until?.getTime() ?? null }
}

function dateOf(time: number | null): Date | null {
  return time === null ? null : new Date(time)
}

/** Now, or the first millisecond after it with which no other price of the thing begins. */
function freeMoment(rows: readonly Price[], now: Date): Date {
  const begins = new Set(rows.map((row) => row.valid_from.getTime()))
  let time = now.getTime()
  while (begins.has(time)) time += 1
  return new Date(time)
}

async function requireRoom(tx: Tx, count: number): Promise<void> {
  if (count >= rowsPerThingMax)
    throw new Refusal('price_limit_reached', 'The item has had as many prices as it may.')
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from prices`.execute(tx)
  if ((rows[0]?.count ?? 0) >= rowsMax) throw new Refusal('price_limit_reached')
}

async function requireWorkspaceId(tx: Tx, id: string): Promise<string> {
  const row = await tx
    .selectFrom('workspaces')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (!row) throw new Refusal('workspace_not_found')
  return row.id
}

function wrongTime(field: 'valid_from' | 'valid_until', detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId }: Scope,
  { id: price_id, item, workspace_id: price_workspace_id }: Price,
  change: 'created' | 'updated' | 'deleted',
): Promise<void> {
  const data = { price_id, item, change, price_workspace_id }
  await appendEvents(platform, tx, [
    { type: 'billing.price_changed', organizationId, workspaceId: null, data },
  ])
}
