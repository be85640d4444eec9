/** The price book of a workspace: what holds for it now, its own prices before everybody's. */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { PriceRow } from '../payers.ts'
import { billingSettingsOf } from '../settings.ts'
import type { Item } from '../tables.ts'
import type { Price } from './prices.ts'

/** As much of a payer as `unitPrice` looks at, without a lock: to show prices, not to sell at them. */
export type PriceBook = { currency: string; prices: PriceRow[]; now: Date }

/** @param items of which the prices are wanted. */
export async function priceBookOf(
  platform: Platform,
  db: Db,
  workspaceId: string,
  items: readonly Item[],
): Promise<PriceBook> {
  const currency = await currencyOf(db, workspaceId)
  const now = platform.clock.now()
  const { rows } = await sql<Price>`select * from prices where item = any(${items}::text[])
    and ${holdingFor(workspaceId, currency, now)}`.execute(db)
  const prices = rows.map((row) => ({
    ...row,
    valid_from: row.valid_from.toISOString(),
    valid_until: row.valid_until?.toISOString() ?? null,
  }))
  return { currency, prices, now }
}

/** The currency of a workspace's wallet; before it has one, that in which it would be opened. */
export async function currencyOf(db: Db, workspaceId: string): Promise<string> {
  const wallet = await db
    .selectFrom('wallets')
    .select('currency')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return wallet?.currency ?? (await billingSettingsOf(db)).currency
}

/** The prices themselves, one for each thing. */
export async function listPricesFor(
  platform: Platform,
  workspaceId: string,
  item: Item | null,
  page: PageRequest,
): Promise<Page<Price>> {
  const currency = await currencyOf(platform.db, workspaceId)
  const { rows } = await sql<Price>`
    select * from (
      select distinct on (item, plan_id, service, period, tld) * from prices
      where (${item}::text is null or item = ${item}) and ${holdingFor(workspaceId, currency, platform.clock.now())}
      order by item, plan_id, service, period, tld, workspace_id nulls last, valid_from desc
    ) as holding
    where ${page.after}::uuid is null or id > ${page.after}::uuid
    order by id limit ${page.limit + 1}`.execute(platform.db)
  return toPage(rows, page)
}

function holdingFor(workspaceId: string, currency: string, now: Date) {
  return sql<boolean>`currency = ${currency} and (workspace_id is null or workspace_id = ${workspaceId}::uuid)
    and valid_from <= ${now} and (valid_until is null or valid_until > ${now})`
}
