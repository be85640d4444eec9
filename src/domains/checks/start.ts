/** From when on a domain is looked at. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'

/** Domains that are looked at from now on, or sooner than they would be. Sandboxes are not in DNS. */
export async function startChecks(tx: Tx, domainIds: readonly string[], dueAt: Date): Promise<void> {
  await sql`insert into domain_checks (domain_id, due_at, created_at)
    select id, ${dueAt}::timestamptz, ${dueAt}::timestamptz from domains
    where id = any(${domainIds}::uuid[]) and name not like '%.test'
    on conflict (domain_id) do update set due_at = excluded.due_at`.execute(tx)
}
