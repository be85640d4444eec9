/** A workspace's domains with what lists of them show beside their rows, by the number of the page. */
import { type RawBuilder, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type StoredCheck, storedChecksOf } from '../domains/checks/store.ts'
import { domainColumns } from '../domains/domain-columns.ts'
import type { Domain } from '../domains/domains.ts'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Product } from '../domains/products.ts'
import { type Registration, registrationsOf } from '../domains/registrations.ts'
import { type DomainTag, tagsOfDomains } from '../domains/tags.ts'
import { onOneConnection } from '../platform/database.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { holdsAddress } from './room.ts'
import { likePattern } from './search-text.ts'

/** Null stands for whatever it may be. */
export type DomainOverviewFilter = {
  /** Part of the name. */
  search: string | null
  /** Those that are for one of these alone; null among them: those that are for any. */
  products: readonly (Product | null)[] | null
  domainIds: readonly string[] | null
  /** Those that have one of these. */
  tagIds: readonly string[] | null
  states: readonly DomainState[] | null
  /** Only those that can take a mailbox now: active, and below their limits. */
  assignable: boolean
}

export const everyDomain: DomainOverviewFilter = {
  search: null,
  products: null,
  domainIds: null,
  tagIds: null,
  states: null,
  assignable: false,
}

export type DomainOverview = {
  domain: Domain
  /** Those that hold an address: what can be restored does, a request that failed does not. */
  mailboxes: number
  /** How many more its own limits allow; null: it has none. What limits the workspace is not looked at. */
  room: number | null
  /** The mailbox or the first address that mail for nobody goes to; null: it is refused. */
  catchAll: string | null
  /** Null: it was not looked at, as a sandbox never is. */
  check: StoredCheck | null
  /** Null: it was not bought here. */
  registration: Registration | null
  tags: readonly DomainTag[]
}

type Row = Domain & {
  total: number
  mailboxes: number
  room: number | null
  catch_all: string | null
}

/** One page, the newest first unless the oldest are to be, and how many match in all. @throws Refusal forbidden. */
export async function pageDomainOverviews(
  platform: Platform,
  scope: Scope,
  filter: DomainOverviewFilter,
  page: NumberedPage,
  { oldestFirst = false }: { oldestFirst?: boolean } = {},
): Promise<Numbered<DomainOverview>> {
  requireWorkspace(scope)
  const wanted = conditions(platform, scope, filter)
  const direction = oldestFirst ? sql`asc` : sql`desc`
  const name = oldestFirst ? 'domains_oldest_first' : 'domains_newest_first'
  const { rows } = await sql<Row>`${preparedFor(name, filter)}
    select domains.*, ${held} as mailboxes, ${roomOf(platform, scope)} as room, ${catchAll} as catch_all
    from (select ${domainColumns}, count(*) over ()::int as total from domains where ${wanted}
      order by id ${direction} limit ${page.size} offset ${offsetOf(page)}) as domains
    order by id ${direction}`.execute(platform.db)
  const [first] = rows
  if (first) return { rows: await completed(platform, scope, rows), total: first.total }
  if (page.number === 1) return { rows: [], total: 0 }
  const counted = await sql<{
    total: number
  }>`select count(*)::int as total from domains where ${wanted}`.execute(platform.db)
  return { rows: [], total: counted.rows[0]?.total ?? 0 }
}

/** In which state how many of them are. @throws Refusal forbidden. */
export async function countDomainOverviews(
  platform: Platform,
  scope: Scope,
  filter: DomainOverviewFilter,
): Promise<Map<DomainState, number>> {
  requireWorkspace(scope)
  const { rows } = await sql<{ state: DomainState; count: number }>`${preparedFor('domains_by_state', filter)}
    select state, count(*)::int as count from domains where ${conditions(platform, scope, filter)}
    group by state`.execute(platform.db)
  return new Map(rows.map(({ state, count }) => [state, count]))
}

async function completed(platform: Platform, scope: Scope, rows: readonly Row[]): Promise<DomainOverview[]> {
  const ids = rows.map(({ id }) => id)
  const [checks, registrations, tags] = await onOneConnection(platform.db, (db) =>
    Promise.all([storedChecksOf(db, ids), registrationsOf(db, ids), tagsOfDomains(db, scope, ids)]),
  )
  return rows.map(({ total: _total, mailboxes, room, catch_all: catchAll, ...domain }) => ({
    domain,
    mailboxes,
    room,
    catchAll,
    check: checks.get(domain.id) ?? null,
    registration: registrations.get(domain.id) ?? null,
    tags: tags.get(domain.id) ?? [],
  }))
}

/** The mark by which a statement with the `conditions` of a filter is planned once: those of one shape have one text. */
function preparedFor(name: string, filter: DomainOverviewFilter): RawBuilder<unknown> {
  const { search, products, domainIds, tagIds, states, assignable } = filter
  const given = [search, products, domainIds, tagIds, states].map((part) => part !== null)
  const shape = [...given, assignable, products?.includes(null) ?? false].map(Number).join('')
  return sql.raw(`/* prepared ${name}_${shape} */`)
}

function conditions(
  platform: Platform,
  scope: Scope,
  { search, products, domainIds, tagIds, states, assignable }: DomainOverviewFilter,
): RawBuilder<unknown> {
  const parts = [sql`domains.workspace_id = ${scope.workspaceId}::uuid and domains.state <> 'deleted'`]
  if (search !== null) parts.push(sql`domains.name like ${likePattern(search)}`)
  if (domainIds !== null) parts.push(sql`domains.id = any(${uuidArray(domainIds)})`)
  if (states !== null) parts.push(sql`domains.state = any(${states}::text[])`)
  if (products !== null) {
    const named = products.filter((product) => product !== null)
    const unbound = products.includes(null) ? sql`or domains.product is null` : sql``
    parts.push(sql`(domains.product = any(${named}::text[]) ${unbound})`)
  }
  if (tagIds !== null) {
    parts.push(sql`exists (select 1 from domain_taggings
      where domain_taggings.domain_id = domains.id and tag_id = any(${uuidArray(tagIds)}))`)
  }
  if (assignable) {
    parts.push(sql`domains.state = 'active' and coalesce(${roomOf(platform, scope)} > 0, true)`)
  }
  return sql.join(parts, sql` and `)
}

const held = sql`(select count(*)::int from mailboxes
  where mailboxes.domain_id = domains.id and ${holdsAddress})`

const catchAll = sql`(select coalesce(mailboxes.address, addresses.targets[1]) from addresses
  left join mailboxes on mailboxes.id = addresses.mailbox_id
  where addresses.address = '@' || domains.name and addresses.kind = 'catch_all')`

/** The smallest room under the limits that hold for the domain, as limitsThatApply (room.ts) has them. */
function roomOf({ config }: Platform, { organizationId, workspaceId }: Scope): RawBuilder<unknown> {
  const applies = sql`per = 'domain' and organization_id = ${organizationId}::uuid
    and (workspace_id is null or workspace_id = ${workspaceId}::uuid)
    and (mailbox_limits.domain_id is null or mailbox_limits.domain_id = domains.id)`
  return sql`(select min(mailboxes_max - (select count(*)::int from mailboxes
      where mailboxes.domain_id = domains.id and ${holdsAddress}
        and (limits.product is null or mailboxes.product = limits.product)
        and (limits.service is null or mailboxes.service = limits.service)))
    from (
      select mailboxes_max, product, service from mailbox_limits
      where ${applies} and (product is null or domains.product is null or product = domains.product)
      union all
      select ${config.mailboxesPerDomain}::int, null, null where ${config.mailboxesPerDomain}::int is not null
        and not exists (select 1 from mailbox_limits
          where ${applies} and set_by = 'operator' and service is null and product is null)
    ) as limits)`
}
