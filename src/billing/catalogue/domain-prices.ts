/** What domains cost a workspace for a year, where the operator has set that: in place of the registrar's cost with a markup. */
import { sql } from 'kysely'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { currencyOf } from './price-book.ts'

/** null: there is no such price. */
export type DomainPrices = { register: Money | null; renew: Money | null }

/**
 * The workspace's own prices before everybody's; of those, that of the suffix before that of `*`.
 * @param suffix such as `com` or `co.uk`.
 */
export async function domainPricesFor(
  platform: Platform,
  workspaceId: string,
  suffix: string,
): Promise<DomainPrices> {
  const { db, clock } = platform
  const currency = await currencyOf(db, workspaceId)
  const now = clock.now()
  const { rows } = await sql<{ item: 'domain_register' | 'domain_renew'; amount: number }>`
    select distinct on (item) item, unit_amount as amount from prices
    where item in ('domain_register', 'domain_renew') and tld in (${suffix}, '*') and currency = ${currency}
      and (workspace_id is null or workspace_id = ${workspaceId}::uuid)
      and valid_from <= ${now} and (valid_until is null or valid_until > ${now})
    order by item, workspace_id nulls last, tld = '*', valid_from desc`.execute(db)
  const of = (wanted: string): Money | null => {
    const row = rows.find(({ item }) => item === wanted)
    return row === undefined ? null : { amount: row.amount, currency }
  }
  return { register: of('domain_register'), renew: of('domain_renew') }
}
