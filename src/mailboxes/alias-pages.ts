/** Aliases of all workspaces that a caller reaches, by the number of the page, and each by its id. */
import { type RawBuilder, sql } from 'kysely'
import { type Reach, workspacesWithin } from '../accounts/reach.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { ExtraAddress } from './address-rows.ts'

/** An alias always has these. */
export type Alias = ExtraAddress & { alias_id: string; mailbox_id: string }

export const aliasOrders = ['created_at', 'updated_at', 'address'] as const
export type AliasOrder = { by: (typeof aliasOrders)[number]; descending: boolean }

export type AliasPageFilter = {
  mailboxId: string | null
  /** Whether their mail is taken; null: all. */
  enabled: boolean | null
}

const columns = {
  created_at: sql`created_at`,
  updated_at: sql`coalesce(alias_updated_at, created_at)`,
  address: sql`address`,
} as const

/** One page, and how many aliases match in all. */
export async function pageAliases(
  db: Db,
  reach: Reach,
  { mailboxId, enabled }: AliasPageFilter,
  order: AliasOrder,
  page: NumberedPage,
): Promise<Numbered<Alias>> {
  const parts = [within(reach)]
  if (mailboxId !== null) parts.push(sql`mailbox_id = ${mailboxId}::uuid`)
  if (enabled !== null) parts.push(sql`enabled = ${enabled}`)
  const wanted = sql.join(parts, sql` and `)
  const direction = order.descending ? sql`desc` : sql`asc`
  const total = sql`select count(*)::integer from addresses where ${wanted}`
  const { rows } = await sql<Alias & { total: number }>`
    select addresses.*, (${total}) as total from addresses where ${wanted}
    order by ${columns[order.by]} ${direction}, alias_id ${direction} limit ${page.size} offset ${offsetOf(page)}`.execute(
    db,
  )
  const [first] = rows
  if (first) return { rows, total: first.total }
  if (page.number === 1) return { rows, total: 0 }
  const counted = await sql<{ total: number }>`select (${total}) as total`.execute(db)
  return { rows, total: counted.rows[0]?.total ?? 0 }
}

/** @throws Refusal address_not_found. */
export async function findAliasWithin(db: Db, reach: Reach, id: string): Promise<Alias> {
  const { rows } = isId(id)
    ? await sql<Alias>`select * from addresses where alias_id = ${id}::uuid and ${within(reach)}`.execute(db)
    : { rows: [] }
  const [found] = rows
  if (!found) throw new Refusal('address_not_found')
  return found
}

function within(reach: Reach): RawBuilder<unknown> {
  const bound = reach.mailboxId === null ? sql`` : sql`and mailbox_id = ${reach.mailboxId}::uuid`
  return sql`kind = 'alias' and workspace_id in (${workspacesWithin(reach)}) ${bound}`
}
