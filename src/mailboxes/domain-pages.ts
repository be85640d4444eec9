/** Domains of all workspaces that a caller reaches, each with how many mailboxes it has, by the number of the page. */
import { type RawBuilder, sql } from 'kysely'
import { requireWorkspace } from '../accounts/principals.ts'
import { type Reach, workspacesWithin } from '../accounts/reach.ts'
import type { Domain } from '../domains/domains.ts'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'

export type CountedDomain = Domain &
  Standing & {
    /** Those that can be restored count: they keep their domain from being removed. */
    mailbox_count: number
  }

/** Its state, and whether its DKIM keys have been made, without which its records are not all there. */
export type Standing = { state: DomainState; has_keys: boolean }

export const domainOrders = ['created_at', 'updated_at', 'name', 'mailbox_count'] as const
export type DomainOrder = { by: (typeof domainOrders)[number]; descending: boolean }

export type DomainPageFilter = {
  /** Null: all. */
  standings: readonly Standing[] | null
  /** Part of the name. */
  search: string | null
}

const mailboxCount = sql`(select count(*)::integer from mailboxes
  where mailboxes.domain_id = domains.id and mailboxes.state <> 'deleted')`

const hasKeys = sql`exists (select 1 from dkim_keys where dkim_keys.domain_id = domains.id)`

const columns = {
  created_at: sql`domains.id`, // rises with the time of its making
  updated_at: sql`domains.updated_at`,
  name: sql`domains.name`,
  mailbox_count: mailboxCount,
} as const

/** One page, and how many domains match in all. @throws Refusal forbidden for a key that is bound to one mailbox. */
export async function pageDomains(
  db: Db,
  reach: Reach,
  filter: DomainPageFilter,
  order: DomainOrder,
  page: NumberedPage,
): Promise<Numbered<CountedDomain>> {
  requireWorkspace(reach)
  const wanted = conditions(reach, filter)
  const direction = order.descending ? sql`desc` : sql`asc`
  const total = sql`select count(*)::integer from domains where ${wanted}`
  const { rows } = await sql<CountedDomain & { total: number }>`
    select domains.*, ${mailboxCount} as mailbox_count, ${hasKeys} as has_keys, page.total from (
      select id, (${total}) as total, row_number() over (order by ${columns[order.by]} ${direction}, id ${direction}) as place
      from domains where ${wanted} order by place limit ${page.size} offset ${offsetOf(page)}
    ) as page join domains on domains.id = page.id order by page.place`.execute(db)
  const [first] = rows
  if (first) return { rows, total: first.total }
  if (page.number === 1) return { rows, total: 0 }
  const counted = await sql<{ total: number }>`select (${total}) as total`.execute(db)
  return { rows, total: counted.rows[0]?.total ?? 0 }
}

/** @throws Refusal domain_not_found, forbidden. */
export async function findDomainWithin(db: Db, reach: Reach, id: string): Promise<CountedDomain> {
  requireWorkspace(reach)
  const { rows } = isId(id)
    ? await sql<CountedDomain>`
        select domains.*, ${mailboxCount} as mailbox_count, ${hasKeys} as has_keys from domains
        where id = ${id}::uuid and ${conditions(reach, { standings: null, search: null })}`.execute(db)
    : { rows: [] }
  const [found] = rows
  if (!found) throw new Refusal('domain_not_found')
  return found
}

function conditions(reach: Reach, { standings, search }: DomainPageFilter): RawBuilder<unknown> {
  const parts = [sql`domains.state <> 'deleted' and domains.workspace_id in (${workspacesWithin(reach)})`]
  if (standings !== null) {
    const [states, keys] = [standings.map(({ state }) => state), standings.map(({ has_keys }) => has_keys)]
    parts.push(
      sql`(domains.state, ${hasKeys}) in (select * from unnest(${states}::text[], ${keys}::boolean[]))`,
    )
  }
  if (search !== null) parts.push(sql`position(${search.toLowerCase()} in domains.name) > 0`)
  return sql.join(parts, sql` and `)
}
