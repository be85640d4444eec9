/** Mailboxes of all workspaces that a caller reaches, in several orders, by the number of the page. */
import { type RawBuilder, sql } from 'kysely'
import { type Reach, workspacesWithin } from '../accounts/reach.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { MailboxState } from './lifecycle.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import { likePattern } from './search-text.ts'
import type { Mailbox } from './tables.ts'

const listedColumns = [
  'id',
  'workspace_id',
  'domain_id',
  'address',
  'state',
  'display_name',
  'period',
  'next_period',
  'period_anchor_at',
  'period_ends_at',
  'cancel_at_period_end',
  'purge_at',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof Mailbox)[]

/** What lists show of a mailbox: to read all of each takes longer than to find them. */
export type ListedMailbox = Pick<Mailbox, (typeof listedColumns)[number]>

const listed = sql.join(listedColumns.map((name) => sql.ref(name)))

export const mailboxOrders = ['created_at', 'updated_at', 'address'] as const
export type MailboxOrder = { by: (typeof mailboxOrders)[number]; descending: boolean }

export type MailboxPageFilter = {
  domainId: string | null
  /** Null: all. */
  states: readonly MailboxState[] | null
  /** Part of the address. */
  search: string | null
}

// Ids rise with the time of their making, and have an index.
const columns = { created_at: sql`id`, updated_at: sql`updated_at`, address: sql`address` } as const

/**
 * One page, and how many mailboxes match in all. Each workspace gives at most as many rows as the page needs, by its
 * index where the order is that of their making.
 */
export async function pageMailboxes(
  db: Db,
  reach: Reach,
  filter: MailboxPageFilter,
  order: MailboxOrder,
  page: NumberedPage,
): Promise<Numbered<ListedMailbox>> {
  const wanted = conditions(reach, filter)
  const direction = order.descending ? sql`desc` : sql`asc`
  const sorted = sql`${columns[order.by]} ${direction}, id ${direction}`
  const offset = offsetOf(page)
  const total = sql`select count(*)::integer from mailboxes
    join (${workspacesWithin(reach)}) as reached on reached.id = workspace_id where ${wanted}`
  const { rows } = await sql<ListedMailbox & { total: number }>`
    select found.*, (${total}) as total from (${workspacesWithin(reach)}) as reached
    cross join lateral (
      select ${listed} from mailboxes where workspace_id = reached.id and ${wanted}
      order by ${sorted} limit ${offset + page.size}
    ) as found
    order by ${sql`found.${columns[order.by]} ${direction}, found.id ${direction}`}
    limit ${page.size} offset ${offset}`.execute(db)
  const [first] = rows
  if (first) return { rows, total: first.total }
  if (page.number === 1) return { rows, total: 0 }
  const counted = await sql<{ total: number }>`select (${total}) as total`.execute(db)
  return { rows, total: counted.rows[0]?.total ?? 0 }
}

/** @throws Refusal mailbox_not_found. */
export async function findMailboxWithin(
  db: Db,
  { organizationId, workspaceIds, mailboxId }: Reach,
  id: string,
): Promise<Mailbox> {
  // One text for every reach, so that it is planned once.
  const { rows } = isId(id)
    ? await sql<Mailbox>`/* prepared mailbox_within */
        select ${mailboxColumns} from mailboxes
        where id = ${id}::uuid and state <> 'deleted' and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)
          and exists (select from workspaces
            where workspaces.id = workspace_id and workspaces.organization_id = ${organizationId}::uuid and deleted_at is null
              and (${workspaceIds}::uuid[] is null or workspaces.id = any(${workspaceIds}::uuid[])))`.execute(
        db,
      )
    : { rows: [] }
  const [found] = rows
  if (!found) throw new Refusal('mailbox_not_found')
  return found
}

function conditions(
  { mailboxId }: Reach,
  { domainId, states, search }: MailboxPageFilter,
): RawBuilder<unknown> {
  const parts = [sql`state <> 'deleted'`]
  if (mailboxId !== null) parts.push(sql`mailboxes.id = ${mailboxId}::uuid`)
  if (domainId !== null) parts.push(sql`domain_id = ${domainId}::uuid`)
  if (states !== null) parts.push(sql`state = any(${states}::text[])`)
  if (search !== null) {
    // search_text has the index, and more in it than the address.
    parts.push(sql`search_text like ${likePattern(search)} and address like ${likePattern(search)}`)
  }
  return sql.join(parts, sql` and `)
}
