/** What a tenant has in the database, whatever tables there are: taken before and after calls that must not touch it. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../platform/database.ts'

/** By table. Rows are text, without the moments that reading alone moves on. */
export type TenantRows = Map<string, { rows: string[]; of: 'workspace' | 'organization' }>

const readingMoves = ['last_used_at', 'last_used_from']

type Table = { name: string; columns: string[] }

/** Every row that names the workspace, one of its mailboxes or one of its domains, and the organization's own. */
export async function rowsOf(db: Db, organizationId: string, workspaceId: string): Promise<TenantRows> {
  const found: TenantRows = new Map()
  for (const { name, columns } of await tablesOf(db)) {
    const owned = ownership(columns, organizationId, workspaceId)
    if (owned === null) continue
    const of = columns.some((column) => column in namedBy) ? 'workspace' : 'organization'
    const { rows } = await sql<{ row: string }>`
      select (to_jsonb(one) - ${readingMoves}::text[])::text as row from ${sql.id(name)} as one
      where ${owned} order by row`.execute(db)
    found.set(name, { of, rows: rows.map(({ row }) => row) })
  }
  return found
}

/** What a workspace's rows are known by. */
const namedBy: Readonly<Record<string, (workspaceId: string) => RawBuilder<boolean>>> = {
  workspace_id: (id) => sql`one.workspace_id = ${id}::uuid`,
  mailbox_id: (id) => sql`one.mailbox_id in (select id from mailboxes where workspace_id = ${id}::uuid)`,
  domain_id: (id) => sql`one.domain_id in (select id from domains where workspace_id = ${id}::uuid)`,
}

/** @returns null for a table that is no tenant's. */
function ownership(
  columns: readonly string[],
  organizationId: string,
  workspaceId: string,
): RawBuilder<unknown> | null {
  const conditions = Object.entries(namedBy).filter(([column]) => columns.includes(column))
  if (conditions.length > 0) {
    return sql.join(
      conditions.map(([, of]) => of(workspaceId)),
      sql` or `,
    )
  }
  return columns.includes('organization_id') ? sql`one.organization_id = ${organizationId}::uuid` : null
}

/**
 * What differs: every row of before that is gone or changed, and every row of the workspace's that is new. The
 * organization may have got rows that are not the workspace's.
 */
export function differences(before: TenantRows, after: TenantRows): string[] {
  return [...after].flatMap(([table, { rows, of }]) => {
    const old = before.get(table)?.rows ?? []
    const gone = old.filter((row) => !rows.includes(row)).map((row) => `${table} - ${row}`)
    const added = rows.filter((row) => !old.includes(row)).map((row) => `${table} + ${row}`)
    return of === 'workspace' ? [...gone, ...added] : gone
  })
}

async function tablesOf(db: Db): Promise<Table[]> {
  const { rows } = await sql<Table>`
    select columns.table_name as name, array_agg(column_name::text) as columns
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where columns.table_schema = 'public' and table_type = 'BASE TABLE'
    group by 1 order by 1`.execute(db)
  return rows
}
