/** Mailboxes read as a set, for whoever shows many of them at once. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { type Domain, domainsById } from '../domains/domains.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import { likePattern } from './search-text.ts'
import type { Mailbox } from './tables.ts'

/** Those that the caller may see anyway, whose ids came out of its own rows. */
export async function mailboxesById(db: Db, ids: readonly string[]): Promise<Mailbox[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<Mailbox>`/* prepared mailboxes_by_id */
    select ${mailboxColumns} from mailboxes where id = any(${uuidArray(ids)})`.execute(db)
  return rows
}

/** The newest first, without those that are deleted, whether or not they can be restored. @param max how many at the most. */
export async function newestMailboxes(db: Db, scope: Scope, max: number): Promise<Mailbox[]> {
  return await db
    .selectFrom('mailboxes')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', 'not in', ['deleted', 'deletion_scheduled'])
    .$if(scope.mailboxId !== null, (query) => query.where('id', '=', scope.mailboxId ?? ''))
    .orderBy('id', 'desc')
    .limit(max)
    .execute()
}

export type MailboxChoice = {
  mailboxIds: readonly string[]
  /** All mailboxes of these domains. */
  domainIds: readonly string[]
}

/**
 * Those of the workspace that the caller names, the oldest first, without those that are deleted, whether or not they can
 * be restored.
 * @param max how many at the most.
 * @throws Refusal mailbox_not_found, domain_not_found for an id of none; invalid_request for too many.
 */
export async function chooseMailboxes(
  db: Db,
  scope: Scope,
  { mailboxIds, domainIds }: MailboxChoice,
  max: number,
): Promise<Mailbox[]> {
  const named = idsOf(mailboxIds)
  if (named === null) throw new Refusal('mailbox_not_found')
  const domains = await requireDomains(db, scope, domainIds)
  const { rows } = await sql<Mailbox>`select ${mailboxColumns} from mailboxes
    where workspace_id = ${scope.workspaceId}::uuid and state not in ('deleted', 'deletion_scheduled')
      and (id = any(${uuidArray(named)}) or domain_id = any(${uuidArray(domains.map(({ id }) => id))}))
      and (${scope.mailboxId}::uuid is null or id = ${scope.mailboxId}::uuid)
    order by id limit ${max + 1}`.execute(db)
  const found = new Set(rows.map(({ id }) => id))
  if (rows.length > max) throw new Refusal('invalid_request', `More than ${max} mailboxes in one call.`)
  if (named.some((id) => !found.has(id))) throw new Refusal('mailbox_not_found')
  return rows
}

/**
 * The workspace's domains with these ids, each once, without those that are deleted, whether or not they can be restored.
 * @throws Refusal domain_not_found unless all are there.
 */
export async function requireDomains(db: Db, scope: Scope, domainIds: readonly string[]): Promise<Domain[]> {
  const ids = idsOf(domainIds)
  if (ids === null) throw new Refusal('domain_not_found')
  const domains = ids.length === 0 ? new Map<string, Domain>() : await domainsById(db, scope, ids)
  return ids.map((id) => {
    const domain = domains.get(id)
    if (!domain || domain.state === 'deleted' || domain.state === 'deletion_scheduled')
      throw new Refusal('domain_not_found')
    return domain
  })
}

/** Each once; null: one of them can be no id. */
function idsOf(texts: readonly string[]): string[] | null {
  return texts.every(isId) ? [...new Set(texts.map((text) => text.toLowerCase()))] : null
}

/** Mailboxes whose mail lies here, and which were asked for as one of these products; null stands for no product. */
const storedOf = ({ workspaceId, mailboxId }: Scope, products: readonly Mailbox['product'][]) =>
  sql`workspace_id = ${workspaceId}::uuid and service = 'local' and state not in ('deleted', 'deletion_scheduled')
    and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)
    and coalesce(product, '') = any(${products.map((product) => product ?? '')}::text[])`

/** One page of them, the newest first, and how many there are. */
export async function pageStoredMailboxes(
  db: Db,
  scope: Scope,
  products: readonly Mailbox['product'][],
  page: NumberedPage,
): Promise<Numbered<Mailbox>> {
  const wanted = storedOf(scope, products)
  const counted = await sql<{ total: number }>`
    select count(*)::int as total from mailboxes where ${wanted}`.execute(db)
  const { rows } = await sql<Mailbox>`select ${mailboxColumns} from mailboxes where ${wanted}
    order by id desc limit ${page.size} offset ${offsetOf(page)}`.execute(db)
  return { rows, total: counted.rows[0]?.total ?? 0 }
}

/** The ids of the newest of them. @param max how many at the most. */
export async function storedMailboxIds(
  db: Db,
  scope: Scope,
  products: readonly Mailbox['product'][],
  max: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id from mailboxes where ${storedOf(scope, products)}
    order by id desc limit ${max}`.execute(db)
  return rows.map(({ id }) => id)
}

/** What there is to be seen of a workspace's mailboxes: not what is deleted, whether or not it can be restored. */
const there = ({ workspaceId, mailboxId }: Scope) =>
  sql`workspace_id = ${workspaceId}::uuid and state not in ('deleted', 'deletion_scheduled')
    and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)`

/** Those in these domains, the oldest first. */
export async function mailboxesInDomains(
  db: Db,
  scope: Scope,
  domainIds: readonly string[],
): Promise<Mailbox[]> {
  const { rows } = await sql<Mailbox>`select ${mailboxColumns} from mailboxes
    where ${there(scope)} and domain_id = any(${uuidArray(domainIds)}) order by id`.execute(db)
  return rows
}

export type StandingCount = Pick<Mailbox, 'state' | 'payment_suspension'> & { count: number }

/** How many there are in each state, of those that were asked for as one of these products; null stands for no product. */
export async function countStandings(
  db: Db,
  scope: Scope,
  products: readonly Mailbox['product'][],
): Promise<StandingCount[]> {
  const { rows } = await sql<StandingCount>`
    select state, payment_suspension, count(*)::int as count from mailboxes
    where ${there(scope)} and coalesce(product, '') = any(${products.map((product) => product ?? '')}::text[])
    group by state, payment_suspension`.execute(db)
  return rows
}

/** The first that is not made yet of these domains and products; null: there is none. */
export async function firstUnmade(
  db: Db,
  domainIds: readonly string[],
  products: readonly Mailbox['product'][],
): Promise<Pick<Mailbox, 'address'> | null> {
  const { rows } = await sql<Pick<Mailbox, 'address'>>`select address from mailboxes
    where domain_id = any(${uuidArray(domainIds)}) and product = any(${products}::text[])
      and state in ('waiting_payment', 'waiting_domain', 'provisioning')
    order by id limit 1`.execute(db)
  return rows[0] ?? null
}

/** The ids of the workspace's domains whose name has a text, or a mailbox of which has it in its address or names. */
export async function domainsWithText(db: Db, { workspaceId }: Scope, text: string): Promise<string[]> {
  const pattern = likePattern(text)
  const { rows } = await sql<{ id: string }>`
    select id from domains where workspace_id = ${workspaceId}::uuid and name like ${pattern}
    union select domain_id from mailboxes where workspace_id = ${workspaceId}::uuid
      and state not in ('deleted', 'deletion_scheduled') and search_text like ${pattern}`.execute(db)
  return rows.map(({ id }) => id)
}
