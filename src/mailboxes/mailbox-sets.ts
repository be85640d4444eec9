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
