/** The stored looks: one row for a domain. */
import { type Selectable, sql } from 'kysely'
import { columnList } from '../../platform/column-list.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Decision, Standing } from './decide.ts'
import type { Look } from './look.ts'
import type { DomainChecksTable } from './tables.ts'

export type StoredCheck = Selectable<DomainChecksTable>

const checkColumns = columnList<DomainChecksTable>({
  domain_id: true,
  checked_at: true,
  due_at: true,
  asked: true,
  delegation: true,
  records: true,
  problem: true,
  broken_since: true,
  delegated_since: true,
  created_at: true,
})

/** By the domains' ids, as far as they are looked at. */
export async function storedChecksOf(
  db: Db,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, StoredCheck>> {
  const { rows } = await sql<StoredCheck>`/* prepared domain_checks_of */
    select ${checkColumns} from domain_checks where domain_id = any(${uuidArray(domainIds)})`.execute(db)
  return new Map(rows.map((row) => [row.domain_id, row]))
}

/** @returns null for a domain that is not looked at: a sandbox. */
export async function storedCheck(db: Db, domainId: string): Promise<StoredCheck | null> {
  const found = await db
    .selectFrom('domain_checks')
    .selectAll()
    .where('domain_id', '=', domainId)
    .executeTakeFirst()
  return found ?? null
}

export function standingOf(stored: StoredCheck | null): Standing {
  return {
    records: stored?.records ?? [],
    brokenSince: stored?.broken_since ?? null,
    delegatedSince: stored?.delegated_since ?? null,
  }
}

export type StoredLook = { domainId: string; look: Look; decision: Decision }

/** Locks the domains of these that are still due when they were to be. */
export async function lockUnchanged(
  tx: Tx,
  taken: readonly { domainId: string; takenUntil: Date | null }[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ domain_id: string }>`
    select domain_id from domain_checks
      join json_to_recordset(${JSON.stringify(taken.map(({ domainId, takenUntil }) => ({ domainId, takenUntil })))}::json)
        as taken ("domainId" uuid, "takenUntil" timestamptz) on domain_id = "domainId" and due_at = "takenUntil"
    order by domain_id for update of domain_checks`.execute(tx)
  return new Set(rows.map((row) => row.domain_id))
}

/** Writes looks down, all in one statement. */
export async function storeLooks(db: Db, looks: readonly StoredLook[]): Promise<void> {
  if (looks.length === 0) return
  const rows = looks.map(({ domainId, look, decision }) => ({
    domain_id: domainId,
    checked_at: look.at,
    due_at: decision.dueAt,
    asked: look.asked,
    delegation: look.delegation,
    records: look.records,
    problem: look.problem,
    broken_since: decision.brokenSince,
    delegated_since: decision.delegatedSince,
  }))
  await sql`insert into domain_checks (domain_id, checked_at, due_at, asked, delegation, records, problem, broken_since,
      delegated_since)
    select * from json_to_recordset(${JSON.stringify(rows)}::json) as seen (domain_id uuid, checked_at timestamptz,
      due_at timestamptz, asked text, delegation jsonb, records jsonb, problem text, broken_since timestamptz,
      delegated_since timestamptz)
    order by domain_id
    on conflict (domain_id) do update set checked_at = excluded.checked_at, due_at = excluded.due_at,
      asked = excluded.asked, delegation = excluded.delegation, records = excluded.records, problem = excluded.problem,
      broken_since = excluded.broken_since, delegated_since = excluded.delegated_since`.execute(db)
}
