/**
 * Requests: mailboxes that people, or another system, make later. The mailbox is there from the start in the state
 * `provisioning`, made by the same path as every other: it holds its address and its place under the limits, and takes no
 * mail. Completing the request makes it active. A request that fails lets address and place go and keeps the mailbox's
 * row, as `failed`, so that trying again is the same mailbox.
 */

import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { getDomain } from '../domains/domains.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { createBatch } from './batches.ts'
import type { NewMailbox } from './new-mailbox.ts'
import type { ProvisionResult } from './provision.ts'
import type { RequestState } from './request-lifecycle.ts'
import type { Mailbox, Service } from './tables.ts'

export type MailboxRequestsTable = {
  id: string
  organization_id: string
  workspace_id: string
  domain_id: string
  mailbox_id: string
  /** The call that asked for it, with others or alone. */
  batch_id: string
  service: Service
  address: string
  state: RequestState
  /** What is said of it: by whoever asks, then by whoever fulfils it. */
  note: string | null
  created_at: Date
  updated_at: Date
  state_changed_at: Date
}

export type MailboxRequest = Selectable<MailboxRequestsTable>

declare module '../platform/database.ts' {
  interface Tables {
    mailbox_requests: MailboxRequestsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'request.created': { request_id: string; mailbox_id: string; address: string; service: Service }
  }
}

export type RequestResult =
  | { status: 'pending'; request: MailboxRequest }
  | Extract<ProvisionResult, { status: 'failed' }>

/**
 * Asks for mailboxes. An item that cannot be asked for does not keep the others from it.
 * @returns the batch and a result for each item, in their order.
 * @throws Refusal forbidden.
 */
export async function createRequests(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  note: string | null,
): Promise<{ batchId: string; results: RequestResult[] }> {
  const { batch, results } = await createBatch(platform, tx, scope, items, { by: 'request' })
  const asked = results.map((result): RequestResult => {
    if (result.status === 'failed') return result
    return { status: 'pending', request: requestRow(result.mailbox, batch.id, note) }
  })
  const rows = asked.flatMap((result) => (result.status === 'failed' ? [] : [result.request]))
  await insertRequests(tx, rows)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'request.created' as const,
      ...subjectOf(row),
      data: {
        request_id: row.id,
        mailbox_id: row.mailbox_id,
        address: row.address,
        service: row.service,
      },
    })),
  )
  return { batchId: batch.id, results: asked }
}

function requestRow(mailbox: Mailbox, batchId: string, note: string | null): MailboxRequest {
  return {
    id: newId(),
    organization_id: mailbox.organization_id,
    workspace_id: mailbox.workspace_id,
    domain_id: mailbox.domain_id,
    mailbox_id: mailbox.id,
    batch_id: batchId,
    service: mailbox.service,
    address: mailbox.address,
    state: 'pending',
    note,
    created_at: mailbox.created_at,
    updated_at: mailbox.created_at,
    state_changed_at: mailbox.created_at,
  }
}

async function insertRequests(tx: Tx, rows: readonly MailboxRequest[]): Promise<void> {
  if (rows.length === 0) return
  await sql`insert into mailbox_requests select * from json_populate_recordset(null::mailbox_requests,
    ${JSON.stringify(rows)}::json)`.execute(tx)
}

export type RequestFilter = {
  state: RequestState | null
  /** A domain's id or name. */
  domain: string | null
  service: Service | null
  batch: string | null
}

/** The workspace's requests, oldest first. @throws Refusal domain_not_found, batch_not_found, forbidden. */
export async function listRequests(
  platform: Platform,
  scope: Scope,
  filter: RequestFilter,
  page: PageRequest,
): Promise<Page<MailboxRequest>> {
  requireWorkspace(scope)
  const domain = filter.domain === null ? null : await getDomain(platform, scope, filter.domain)
  const { state, service, batch } = filter
  if (batch !== null && !isId(batch)) throw new Refusal('batch_not_found')
  const rows = await requestsOf(platform.db, scope)
    .$if(domain !== null, (query) => query.where(sql<boolean>`domain_id = ${domain?.id}::uuid`))
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(service !== null, (query) => query.where(sql<boolean>`service = ${service}`))
    .$if(batch !== null, (query) => query.where(sql<boolean>`batch_id = ${batch}::uuid`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal mailbox_request_not_found, forbidden. */
export async function getRequest(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<MailboxRequest> {
  requireWorkspace(scope)
  const found = isId(id) ? await requestsOf(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('mailbox_request_not_found')
  return found
}

/** The requests that the scope reaches. */
export function requestsOf(db: Db, scope: Scope) {
  return db.selectFrom('mailbox_requests').selectAll().where('workspace_id', '=', scope.workspaceId)
}

/** Whose event it is. */
export function subjectOf(request: MailboxRequest) {
  return {
    organizationId: request.organization_id,
    workspaceId: request.workspace_id,
    mailboxId: request.mailbox_id,
  }
}
