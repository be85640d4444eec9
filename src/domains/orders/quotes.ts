/** Quotes: prices that were shown, kept so that nothing is bought at another one. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId, newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Price } from './offers.ts'
import type { DomainQuotesTable, OrderKind } from './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'orders.clean_up': Record<string, never>
  }
}

export type Quote = Selectable<DomainQuotesTable>

/** How long a price that was shown can be ordered at. */
const quoteMs = 30 * 60_000

export type QuotedPrice = { name: string; kind: OrderKind; years: number; price: Price }

/** Keeps prices that are about to be shown. @returns the quotes, in the same order. */
export async function keepQuotes(
  platform: Platform,
  db: Db,
  scope: Scope,
  prices: readonly QuotedPrice[],
): Promise<Quote[]> {
  if (prices.length === 0) return []
  const now = platform.clock.now()
  const rows = prices.map(({ name, kind, years, price }) => ({
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    name,
    kind,
    years,
    registrar: price.registrar,
    cost_amount: price.cost.amount,
    cost_currency: price.cost.currency,
    price_amount: price.price.amount,
    price_currency: price.price.currency,
    renew_amount: price.renewPrice?.amount ?? null,
    premium: price.premium,
    created_at: now,
    expires_at: new Date(now.getTime() + quoteMs),
  }))
  await db.insertInto('domain_quotes').values(rows).execute()
  return rows
}

/** @throws Refusal quote_not_found, also for one of another name, kind or time; quote_expired. */
export async function useQuote(
  platform: Platform,
  db: Db,
  scope: Scope,
  id: string,
  wanted: Pick<Quote, 'name' | 'kind' | 'years'>,
): Promise<Quote> {
  const quote = isId(id)
    ? await db
        .selectFrom('domain_quotes')
        .selectAll()
        .where('id', '=', id)
        .where('workspace_id', '=', scope.workspaceId)
        .executeTakeFirst()
    : undefined
  if (!quote || quote.name !== wanted.name || quote.kind !== wanted.kind || quote.years !== wanted.years) {
    throw new Refusal('quote_not_found')
  }
  if (quote.expires_at <= platform.clock.now()) throw new Refusal('quote_expired')
  return quote
}

const deletionsPerStatement = 5000

/** @returns how many. An order keeps what it needs of its quote. */
export async function deleteOldQuotes(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`delete from domain_quotes where id in (
    select id from domain_quotes where expires_at < ${platform.clock.now()} limit ${deletionsPerStatement})`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0)
}
