/** Connections: domains that were registered elsewhere, and how far each is on its way to this platform. */
import { type RawBuilder, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { Domain } from './domains.ts'
import { parseDomainName } from './names.ts'
import type { Product } from './products.ts'

/**
 * unchecked: nobody knows yet what DNS says. unregistered: the zone above has no such name. missing: it does not lead
 * here, or its records are not there. found: it leads here, and is about to be active. ended: suspended, expired, failed,
 * or its removal is scheduled.
 */
export const connectionStages = [
  'unchecked',
  'unregistered',
  'missing',
  'found',
  'connected',
  'ended',
] as const
export type ConnectionStage = (typeof connectionStages)[number]

export type Connection = Domain & {
  stage: ConnectionStage
  /** Those that the zone above had when it was last asked. */
  seen_nameservers: string[]
  /** Null: not yet. */
  checked_at: Date | null
  /** Null: when someone asks. */
  next_check_at: Date | null
}

export type ConnectionFilter = {
  /** Part of the name; null: any. */
  search: string | null
  /** Those that are for one of these alone; null among them: those that are for any. */
  products: readonly (Product | null)[]
  /** Null: all. */
  stages: readonly ConnectionStage[] | null
  /** Those whose DNS is with this host, which is driven; null: wherever it is. */
  dnsHostId: string | null
}

/** One page, the newest first, without those that were bought here. @throws Refusal forbidden. */
export async function pageConnections(
  db: Db,
  scope: Scope,
  filter: ConnectionFilter,
  page: NumberedPage,
): Promise<Numbered<Connection>> {
  requireWorkspace(scope)
  const { rows } = await sql<Connection & { total: number }>`select *, count(*) over ()::int as total
    from (${connections}) as domains where ${conditions(scope, filter)}
    order by id desc limit ${page.size} offset ${offsetOf(page)}`.execute(db)
  const [first] = rows
  if (first || page.number === 1) return { rows, total: first?.total ?? 0 }
  const counted = await sql<{ total: number }>`select count(*)::int as total
    from (${connections}) as domains where ${conditions(scope, filter)}`.execute(db)
  return { rows: [], total: counted.rows[0]?.total ?? 0 }
}

/** Those of the workspace with these names, also what was bought here. @throws Refusal forbidden. */
export async function connectionsNamed(
  db: Db,
  scope: Scope,
  names: readonly string[],
): Promise<Map<string, Connection>> {
  requireWorkspace(scope)
  const known = names.flatMap((name) => parseDomainName(name) ?? [])
  const { rows } = await sql<Connection>`select * from (${connections}) as domains
    where workspace_id = ${scope.workspaceId}::uuid and name = any(${known}::text[]) order by id`.execute(db)
  return new Map(rows.map((row) => [row.name, row]))
}

const stage = sql`case
  when state = 'active' then 'connected'
  when state in ('suspended', 'expired', 'failed', 'deletion_scheduled') then 'ended'
  when checked_at is null then 'unchecked'
  when delegation ->> 'state' = 'none' then 'unregistered'
  when state <> 'pending_nameservers' then 'missing'
  when delegation ->> 'state' = 'ours' then 'found'
  when coalesce(delegation ->> 'state', 'unanswered') = 'unanswered' then 'unchecked'
  else 'missing' end`

const connections = sql`select domains.*, ${stage} as stage, checked_at, due_at as next_check_at,
    array(select seen ->> 'name' from jsonb_array_elements(delegation -> 'nameservers') as seen) as seen_nameservers
  from domains left join domain_checks on domain_id = domains.id where state <> 'deleted'`

function conditions(
  scope: Scope,
  { search, products, stages, dnsHostId }: ConnectionFilter,
): RawBuilder<unknown> {
  const named = products.filter((product) => product !== null)
  const unbound = products.includes(null) ? sql`or product is null` : sql``
  const parts = [
    sql`workspace_id = ${scope.workspaceId}::uuid and state <> 'deletion_scheduled'
      and (product = any(${named}::text[]) ${unbound})
      and not exists (select 1 from domain_registrations where domain_registrations.domain_id = domains.id)`,
  ]
  if (search !== null) parts.push(sql`position(${search.toLowerCase()} in name) > 0`)
  if (stages !== null) parts.push(sql`stage = any(${stages}::text[])`)
  if (dnsHostId !== null) parts.push(sql`dns_host_id::text = ${dnsHostId}`)
  return sql.join(parts, sql` and `)
}
