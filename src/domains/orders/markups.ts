/** Markups: what the operator adds to a registrar's price. They hold for all tenants. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isCurrency, type Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DomainMarkupsTable } from './tables.ts'

export type Markup = Selectable<DomainMarkupsTable>
export type MarkupSettings = Omit<Markup, 'tld' | 'updated_at'>

const suffixPattern =
  /^(?:\*|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,3})$/
const rowsMax = 5000

/** All of them, which are few. */
export async function listMarkups(platform: Platform): Promise<Markup[]> {
  return await platform.db.selectFrom('domain_markups').selectAll().orderBy('tld').limit(rowsMax).execute()
}

/** @throws Refusal invalid_request, markup_limit_reached. */
export async function putMarkup(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  text: string,
  settings: MarkupSettings,
): Promise<Markup> {
  const tld = text.toLowerCase().replace(/^\./, '')
  if (!suffixPattern.test(tld)) throw new Refusal('invalid_request', `"${text}" is neither a suffix nor *.`)
  if (!isCurrency(settings.currency))
    throw new Refusal('invalid_request', 'The currency is no code of ISO 4217.')
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from domain_markups where tld <> ${tld}`.execute(tx)
  if ((rows[0]?.count ?? 0) >= rowsMax) throw new Refusal('markup_limit_reached')
  const row = { ...settings, updated_at: platform.clock.now() }
  const markup = await tx
    .insertInto('domain_markups')
    .values({ tld, ...row })
    .onConflict((conflict) => conflict.column('tld').doUpdateSet(row))
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, scope, 'domain_markup.changed', tld)
  return markup
}

/** @throws Refusal markup_not_found. */
export async function deleteMarkup(platform: Platform, tx: Tx, scope: Scope, text: string): Promise<void> {
  const tld = text.toLowerCase().replace(/^\./, '')
  const { numDeletedRows } = await tx
    .deleteFrom('domain_markups')
    .where('tld', '=', tld)
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) throw new Refusal('markup_not_found')
  await tell(platform, tx, scope, 'domain_markup.deleted', tld)
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId }: Scope,
  type: 'domain_markup.changed' | 'domain_markup.deleted',
  tld: string,
): Promise<void> {
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId: null, data: { tld } }])
}

/**
 * How prices of names with this suffix are made: by its own row, else by that of `*`, else they are the registrar's.
 * @returns what a cost is sold for; null for a currency that the row is not of: such a name is not sold.
 */
export async function markupFor(db: Db, suffix: string): Promise<(cost: Money) => Money | null> {
  const rows = await db.selectFrom('domain_markups').selectAll().where('tld', 'in', [suffix, '*']).execute()
  const row = rows.find(({ tld }) => tld === suffix) ?? rows.find(({ tld }) => tld === '*')
  return (cost) => (row === undefined ? cost : withMarkup(cost, row))
}

const basisPoints = 10_000n

/** The share is rounded up to a minor unit, and the sum up to the row's multiple. */
export function withMarkup(cost: Money, markup: MarkupSettings): Money | null {
  if (cost.currency !== markup.currency) return null
  const share = ceilingOf(BigInt(cost.amount) * BigInt(markup.percent_basis_points), basisPoints)
  const multiple = BigInt(markup.rounding_amount)
  const sum = BigInt(cost.amount) + share + BigInt(markup.fixed_amount)
  const amount = Number(ceilingOf(sum, multiple) * multiple)
  return Number.isSafeInteger(amount) ? { amount, currency: cost.currency } : null
}

function ceilingOf(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}
