/** Domains that were bought here and end soon, by the number of the page. */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type Domain, domainsById } from './domains.ts'
import type { DomainRegistrationsTable } from './orders/tables.ts'
import type { Product } from './products.ts'

export type ExpiringFilter = {
  /** Those that end by then. */
  before: Date
  /** Part of the name; null: any. */
  search: string | null
  /** Those that are for one of these alone; null among them: those that are for any. */
  products: readonly (Product | null)[]
  /** Those that have one of these; null: all. */
  tagIds: readonly string[] | null
}

export type ExpiringDomain = { domain: Domain; registration: Selectable<DomainRegistrationsTable> }

const dayMs = 24 * 3600_000

/**
 * Those that can be renewed still, what ends first before the others; not what is being removed.
 * @throws Refusal forbidden.
 */
export async function pageExpiring(
  platform: Platform,
  scope: Scope,
  filter: ExpiringFilter,
  page: NumberedPage,
): Promise<Numbered<ExpiringDomain>> {
  requireWorkspace(scope)
  const { db } = platform
  const wanted = conditions(platform, scope, filter)
  const { rows } = await sql<Selectable<DomainRegistrationsTable> & { total: number }>`
    select registration.*, count(*) over ()::int as total ${from} where ${wanted}
    order by registration.expires_at, domains.id limit ${page.size} offset ${offsetOf(page)}`.execute(db)
  const [first] = rows
  if (!first && page.number > 1) {
    const counted = await sql<{ total: number }>`select count(*)::int as total ${from}
      where ${wanted}`.execute(db)
    return { rows: [], total: counted.rows[0]?.total ?? 0 }
  }
  const domains = await domainsById(
    db,
    scope,
    rows.map(({ domain_id }) => domain_id),
  )
  const found = rows.flatMap(({ total: _, ...registration }) => {
    const domain = domains.get(registration.domain_id)
    return domain ? [{ domain, registration }] : []
  })
  return { rows: found, total: first?.total ?? 0 }
}

const from = sql`from domain_registrations as registration
  join domains on domains.id = registration.domain_id`

function conditions(
  { clock, config }: Platform,
  scope: Scope,
  { before, search, products, tagIds }: ExpiringFilter,
): RawBuilder<unknown> {
  const named = products.filter((product) => product !== null)
  const unbound = products.includes(null) ? sql`or product is null` : sql``
  const tooLate = new Date(clock.now().getTime() - config.expiredDays * dayMs)
  const parts = [
    sql`domains.workspace_id = ${scope.workspaceId}::uuid and (product = any(${named}::text[]) ${unbound})
      and state in ('active', 'suspended', 'expired', 'pending_nameservers', 'pending_records')
      and registration.expires_at <= ${before} and registration.expires_at > ${tooLate}`,
  ]
  if (search !== null) parts.push(sql`position(${search.toLowerCase()} in name) > 0`)
  if (tagIds !== null) {
    parts.push(sql`exists (select 1 from domain_taggings
      where domain_taggings.domain_id = domains.id and tag_id = any(${uuidArray(tagIds)}))`)
  }
  return sql.join(parts, sql` and `)
}
