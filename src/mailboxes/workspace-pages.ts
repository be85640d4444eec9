/** Mailboxes of one workspace, with all that is known of them, by the number of the page. */
import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Product } from '../domains/products.ts'
import type { Db } from '../platform/database.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { MailboxState } from './lifecycle.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import { likePattern } from './search-text.ts'
import type { Mailbox, Service } from './tables.ts'

/** Where a mailbox stands, by its state and what is to come of it. Null is either. */
export type Standing = {
  states: readonly MailboxState[]
  /** Whether it goes at the end of its period. */
  isCanceled: boolean | null
  /** Whether it is suspended because it is not paid. */
  isUnpaid: boolean | null
}

/** What is left out narrows nothing. */
export type WorkspacePageFilter = {
  domainId?: string
  /** Part of the address, of a name or of a custom field’s value. */
  search?: string
  standing?: Standing
  /** Those of these products, and of these services where they were asked for as no product. */
  kind?: { products: readonly Product[]; services: readonly Service[] }
  /** Those of these ids, and those of these domains; what is no id is none of them. */
  among?: { ids: readonly string[]; domainIds: readonly string[] }
}

/** What is read beside each mailbox of a page. */
export type Beside<Row> = {
  /** Another one for each list of columns: statements are prepared by it. */
  name: string
  /** For a select from `mailboxes`. */
  columns: RawBuilder<Row>
}

/**
 * One page, the newest first, and how many match in all. What is deleted and can be restored is there.
 * @param beside null: nothing.
 */
export async function pageWorkspaceMailboxes<Row extends object = object>(
  db: Db,
  scope: Scope,
  filter: WorkspacePageFilter,
  page: NumberedPage,
  beside: Beside<Row> | null = null,
): Promise<Numbered<Mailbox & Row>> {
  const wanted = conditions(scope, filter)
  const total = sql`select count(*)::integer from mailboxes where ${wanted}`
  const found = sql`select ${mailboxColumns}, (${total}) as total from mailboxes where ${wanted}
    order by id desc limit ${page.size} offset ${offsetOf(page)}`
  const query = beside
    ? sql`select mailboxes.*, ${beside.columns} from (${found}) as mailboxes order by id desc`
    : found
  const { rows } = await sql<Mailbox & Row & { total: number }>`${preparedFor(scope, filter, beside?.name)}
    ${query}`.execute(db)
  const [first] = rows
  if (first) return { rows, total: first.total }
  if (page.number === 1) return { rows, total: 0 }
  const counted = await sql<{ total: number }>`select (${total}) as total`.execute(db)
  return { rows, total: counted.rows[0]?.total ?? 0 }
}

/** Lists of everything, or of all in one domain, are planned once: that costs as much as running them. */
function preparedFor(
  { mailboxId }: Scope,
  { domainId, ...narrowed }: WorkspacePageFilter,
  beside = 'nothing',
): RawBuilder<unknown> {
  if (mailboxId !== null || Object.keys(narrowed).length > 0) return sql``
  const of = domainId === undefined ? 'workspace' : 'domain'
  return sql.raw(`/* prepared page_${of}_mailboxes_and_${beside} */`)
}

function conditions({ workspaceId, mailboxId }: Scope, filter: WorkspacePageFilter): RawBuilder<unknown> {
  const { domainId, search, standing, kind, among } = filter
  const parts = [sql`workspace_id = ${workspaceId}::uuid and state <> 'deleted'`]
  if (mailboxId !== null) parts.push(sql`id = ${mailboxId}::uuid`)
  if (domainId !== undefined) parts.push(sql`domain_id = ${domainId}::uuid`)
  if (search !== undefined) parts.push(sql`search_text like ${likePattern(search)}`)
  if (kind) {
    const { products, services } = kind
    parts.push(
      sql`(product = any(${products}::text[]) or product is null and service = any(${services}::text[]))`,
    )
  }
  if (standing) {
    const { states, isCanceled, isUnpaid } = standing
    parts.push(sql`state = any(${states}::text[])`)
    if (isCanceled !== null) parts.push(sql`cancel_at_period_end = ${isCanceled}`)
    if (isUnpaid !== null) parts.push(sql`(payment_suspension is not null) = ${isUnpaid}`)
  }
  if (among) {
    const { ids, domainIds } = among
    parts.push(
      sql`(id = any(${uuidArray(ids.filter(isId))}) or domain_id = any(${uuidArray(domainIds.filter(isId))}))`,
    )
  }
  return sql.join(parts, sql` and `)
}
