/**
 * Mailboxes asked for as a product: one call is for one product in one domain, and is followed as one. It is a batch, of
 * which all mailboxes are made or none. The service that the workspace has for the product makes them; where the workspace
 * has no connection to it, somebody does, who says of each request (requests.ts) what became of it.
 */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { lockDomainsByName } from '../domains/domains.ts'
import { parseDomainName } from '../domains/names.ts'
import type { Product } from '../domains/products.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { MailboxState } from './lifecycle.ts'
import { askForMailboxes } from './purchases.ts'
import type { RequestState } from './request-lifecycle.ts'

/** How many mailboxes one call may ask for. */
export const productRequestMax = 200

export type NewProductRequest = {
  product: Product
  /** Its name. */
  domain: string
  mailboxes: readonly { localPart: string; firstName: string; lastName: string }[]
}

/**
 * Asks for mailboxes of a product in a domain that is active.
 * @returns the batch's id.
 * @throws Refusal domain_invalid, domain_not_found, domain_not_usable, forbidden; ItemRefusal of the first mailbox that
 *   cannot be had.
 */
export async function requestProduct(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { product, domain: text, mailboxes }: NewProductRequest,
): Promise<string> {
  requireWrite(scope)
  requireWorkspace(scope)
  const name = await requireActiveDomain(tx, scope, text)
  const items = mailboxes.map((names) => ({ product, domain: name, ...names }))
  const { batchIds } = await askForMailboxes(platform, tx, scope, items)
  const [batchId] = batchIds
  if (batchId === undefined) throw new Error('a request for mailboxes has no batch')
  return batchId
}

async function requireActiveDomain(tx: Tx, scope: Scope, text: string): Promise<string> {
  const name = parseDomainName(text)
  if (name === null) throw new Refusal('domain_invalid', `"${text}" is not a domain name.`)
  const [domain] = await lockDomainsByName(tx, scope, [name])
  if (!domain) throw new Refusal('domain_not_found', `${name} is not connected.`)
  if (domain.state !== 'active') {
    throw new Refusal('domain_not_usable', `${name} is ${domain.state}, and must be active.`)
  }
  return name
}

export type ProductRequest = {
  /** The batch's. */
  id: string
  product: Product
  domainId: string
  state: RequestState
  /** What those who fulfil it said, each thing once. */
  note: string | null
  createdAt: Date
  /** In the order in which they were asked for. */
  mailboxes: readonly { address: string; firstName: string | null; lastName: string | null }[]
}

/** The workspace's, newest first. @throws Refusal forbidden. */
export async function listProductRequests(
  platform: Platform,
  scope: Scope,
  limit: number,
): Promise<ProductRequest[]> {
  requireWorkspace(scope)
  const rows = await requestRows(platform.db, scope).orderBy('id', 'desc').limit(limit).execute()
  return await withMailboxes(platform.db, rows)
}

/** @throws Refusal mailbox_request_not_found, forbidden. */
export async function getProductRequest(
  platform: Platform,
  scope: Scope,
  id: string,
): Promise<ProductRequest> {
  requireWorkspace(scope)
  const rows = isId(id) ? await requestRows(platform.db, scope).where('id', '=', id).execute() : []
  const [found] = await withMailboxes(platform.db, rows)
  if (!found) throw new Refusal('mailbox_request_not_found')
  return found
}

/** How many are not fulfilled and have not failed. */
export async function countOpenProductRequests(platform: Platform, scope: Scope): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from mailbox_batches
    where workspace_id = ${scope.workspaceId}::uuid and product is not null and domain_id is not null
      and exists (select 1 from mailboxes left join mailbox_requests on mailbox_requests.mailbox_id = mailboxes.id
        where mailboxes.batch_id = mailbox_batches.id and coalesce(mailbox_requests.state in ('pending', 'in_progress'),
          mailboxes.state in ('waiting_payment', 'waiting_domain', 'provisioning')))`.execute(platform.db)
  return rows[0]?.count ?? 0
}

type Row = { id: string; product: Product | null; domain_id: string | null; created_at: Date }

function requestRows(db: Db, scope: Scope) {
  return db
    .selectFrom('mailbox_batches')
    .select(['id', 'product', 'domain_id', 'created_at'])
    .where('workspace_id', '=', scope.workspaceId)
    .where('product', 'is not', null)
    .where('domain_id', 'is not', null)
}

type MailboxRow = {
  batch_id: string
  address: string
  first_name: string | null
  last_name: string | null
  state: MailboxState
  request_state: RequestState | null
  note: string | null
}

async function withMailboxes(db: Db, batches: readonly Row[]): Promise<ProductRequest[]> {
  if (batches.length === 0) return []
  const { rows } = await sql<MailboxRow>`
    select mailboxes.batch_id, mailboxes.address, first_name, last_name, mailboxes.state,
      mailbox_requests.state as request_state, note
    from mailboxes join mailbox_batches on mailbox_batches.id = mailboxes.batch_id
      left join mailbox_requests on mailbox_requests.mailbox_id = mailboxes.id
    where mailboxes.batch_id = any(${uuidArray(batches.map(({ id }) => id))})
    order by array_position(mailbox_ids, mailboxes.id)`.execute(db)
  const byBatch = Map.groupBy(rows, (row) => row.batch_id)
  return batches.flatMap(({ id, product, domain_id: domainId, created_at: createdAt }) => {
    const mailboxes = byBatch.get(id) ?? []
    if (product === null || domainId === null) return []
    return [
      {
        id,
        product,
        domainId,
        createdAt,
        state: stateOfAll(mailboxes.map((row) => row.request_state ?? progress[row.state])),
        note: [...new Set(mailboxes.flatMap(({ note }) => note ?? []))].join('\n') || null,
        mailboxes: mailboxes.map(({ address, first_name: firstName, last_name: lastName }) => ({
          address,
          firstName,
          lastName,
        })),
      },
    ]
  })
}

/** How far a mailbox is that nobody was asked to make. */
const progress: Readonly<Record<MailboxState, RequestState>> = {
  waiting_payment: 'pending',
  waiting_domain: 'pending',
  provisioning: 'in_progress',
  active: 'completed',
  suspended: 'completed',
  failed: 'failed',
  deletion_scheduled: 'completed',
  deleted: 'completed',
}

/** The state of a whole: open as long as a part is, and failed only where all parts are. */
export function stateOfAll(parts: readonly RequestState[]): RequestState {
  const isOpen = parts.some((part) => part === 'pending' || part === 'in_progress')
  if (!isOpen) return parts.includes('completed') ? 'completed' : 'failed'
  return parts.every((part) => part === 'pending') ? 'pending' : 'in_progress'
}
