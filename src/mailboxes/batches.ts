/** Batches: many mailboxes asked for in one call, and what became of each. */

import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { encodeCursor, type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type BatchCounts, type BatchItemStatus, batchItemStatus, countBatches } from './batch-progress.ts'
import type { MailboxState } from './lifecycle.ts'
import type { Making, NewMailbox } from './new-mailbox.ts'
import { type ProvisionResult, provisionMailboxes } from './provision.ts'
import type { BatchFailure, MailboxBatchesTable } from './tables.ts'

/** Counts are those of this moment. */
export type Batch = Omit<Selectable<MailboxBatchesTable>, 'mailbox_ids' | 'failures'> & BatchCounts

/** An item that failed before it came here: a line of a file that cannot be read. */
export type UnreadableItem = { address: string; refusal: Refusal }

export type BatchItem = {
  index: number
  address: string
  status: BatchItemStatus
  mailboxId: string | null
  mailboxState: MailboxState | null
  problem: { code: ErrorCode; detail: string } | null
}

/** Makes a batch of mailboxes. @returns the batch and a result for each item, in their order. */
export async function createBatch(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly (NewMailbox | UnreadableItem)[],
  making: Partial<Omit<Making, 'batchId'>> = {},
): Promise<{ batch: Batch; results: ProvisionResult[] }> {
  const id = newId()
  const results = await provisionReadable(platform, tx, scope, items, { ...making, batchId: id })
  const count = (status: ProvisionResult['status']): number =>
    results.filter((result) => result.status === status).length
  const counts = {
    requested: items.length,
    created: count('created'),
    pending: count('pending'),
    failed: count('failed'),
    deleted: 0,
  }
  const now = platform.clock.now()
  const row = {
    id,
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    ...commonTo(items, results),
    completed_at: counts.pending === 0 ? now : null,
    created_at: now,
  }
  await tx
    .insertInto('mailbox_batches')
    .values({
      ...row,
      requested: items.length,
      mailbox_ids: uuidArray(
        results.map((result) => (result.status === 'failed' ? null : result.mailbox.id)),
      ),
      failures: JSON.stringify(failuresOf(items, results)),
    })
    .execute()
  if (counts.pending === 0) {
    const { organizationId, workspaceId } = scope
    const data = { batch_id: id, ...counts }
    await appendEvents(platform, tx, [{ type: 'batch.completed', organizationId, workspaceId, data }])
  }
  return { batch: { ...row, ...counts }, results }
}

/** What all mailboxes of a call have in common. */
function commonTo(
  items: readonly (NewMailbox | UnreadableItem)[],
  results: readonly ProvisionResult[],
): Pick<Batch, 'product' | 'domain_id'> {
  const asked = new Set(items.map((item) => ('refusal' in item ? null : (item.product ?? null))))
  const domains = new Set(
    results.flatMap((result) => (result.status === 'failed' ? [] : [result.mailbox.domain_id])),
  )
  const [product = null] = asked
  const [domainId = null] = domains
  return { product: asked.size === 1 ? product : null, domain_id: domains.size === 1 ? domainId : null }
}

async function provisionReadable(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly (NewMailbox | UnreadableItem)[],
  making: Partial<Making>,
): Promise<ProvisionResult[]> {
  const readable = items.filter((item): item is NewMailbox => !('refusal' in item))
  const made = (await provisionMailboxes(platform, tx, scope, readable, making)).values()
  return items.map((item) => {
    if ('refusal' in item)
      return { status: 'failed', code: item.refusal.code, detail: item.refusal.detail } as const
    const { value } = made.next()
    if (!value) throw new Error('an item of the batch has no result')
    return value
  })
}

const failureAddressLengthMax = 320

function failuresOf(
  items: readonly Pick<NewMailbox, 'address'>[],
  results: readonly ProvisionResult[],
): BatchFailure[] {
  return results.flatMap((result, index) => {
    if (result.status !== 'failed') return []
    const wanted = items[index]?.address ?? ''
    const text = typeof wanted === 'string' ? wanted : `@${wanted.domain}`
    const address = storable(text.slice(0, failureAddressLengthMax))
    return [{ index, address, code: result.code, detail: storable(result.detail) }]
  })
}

/** A line of a file may have what JSON in the database cannot. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}

/** @throws Refusal batch_not_found, forbidden. */
export async function getBatch(platform: Platform, scope: Scope, id: string): Promise<Batch> {
  requireWorkspace(scope)
  const row = isId(id)
    ? await batchRows(platform.db, scope).where('id', '=', id).executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('batch_not_found')
  const [batch] = await counted(platform.db, [row])
  if (!batch) throw new Error('a batch was not counted')
  return batch
}

/** The workspace's batches, oldest first. @throws Refusal forbidden. */
export async function listBatches(platform: Platform, scope: Scope, page: PageRequest): Promise<Page<Batch>> {
  requireWorkspace(scope)
  const rows = await batchRows(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  const { rows: kept, nextCursor } = toPage(rows, page)
  return { rows: await counted(platform.db, kept), nextCursor }
}

const batchColumns = [
  'id',
  'organization_id',
  'workspace_id',
  'requested',
  'product',
  'domain_id',
  'completed_at',
  'created_at',
] as const

function batchRows(db: Db, scope: Scope) {
  return db.selectFrom('mailbox_batches').select(batchColumns).where('workspace_id', '=', scope.workspaceId)
}

type BatchRow = Omit<Selectable<MailboxBatchesTable>, 'mailbox_ids' | 'failures'>

async function counted(db: Db, rows: readonly BatchRow[]): Promise<Batch[]> {
  const counts = await countBatches(db, rows)
  return rows.flatMap((row, at) => {
    const ours = counts[at]
    return ours ? [{ ...row, ...ours }] : []
  })
}

/** The items of a batch in the order in which they were asked for. @throws Refusal batch_not_found, invalid_cursor, forbidden. */
export async function listBatchItems(
  platform: Platform,
  scope: Scope,
  id: string,
  page: PageRequest,
): Promise<Page<BatchItem>> {
  const batch = await getBatch(platform, scope, id)
  const from = page.after === null ? 0 : indexOfCursor(page.after) + 1
  const to = Math.min(from + page.limit, batch.requested)
  const { rows } = await sql<ItemRow>`
    select (${from}::int + n - 1)::int as index, mailboxes.id as mailbox_id, mailboxes.address, state
    from (select mailbox_ids[${from + 1}::int:${to}::int] as ids from mailbox_batches where id = ${batch.id}) as batch,
      unnest(ids) with ordinality as item (mailbox_id, n)
      left join mailboxes on mailboxes.id = item.mailbox_id
    order by n`.execute(platform.db)
  const { rows: failures } = await sql<{ failure: BatchFailure }>`
    select failure from mailbox_batches, jsonb_array_elements(failures) as failure
    where id = ${batch.id} and (failure ->> 'index')::int >= ${from} and (failure ->> 'index')::int < ${to}`.execute(
    platform.db,
  )
  const failureAt = new Map(failures.map(({ failure }) => [failure.index, failure]))
  return {
    rows: rows.map((row) => toItem(row, failureAt.get(row.index))),
    nextCursor: to < batch.requested ? encodeCursor(cursorOfIndex(to - 1)) : null,
  }
}

type ItemRow = {
  index: number
  mailbox_id: string | null
  address: string | null
  state: MailboxState | null
}

function toItem(row: ItemRow, failure: BatchFailure | undefined): BatchItem {
  const { index, mailbox_id: mailboxId, state } = row
  if (mailboxId === null || state === null) {
    const problem = failure ? { code: failure.code, detail: failure.detail } : null
    const address = failure?.address ?? ''
    return { index, address, status: 'failed', mailboxId: null, mailboxState: null, problem }
  }
  const status = batchItemStatus(state)
  return { index, address: row.address ?? '', status, mailboxId, mailboxState: state, problem: null }
}

// Cursors hold an id; that of an item is its index in the form of one.
const cursorPrefix = '00000000-0000-7000-8000-'

function cursorOfIndex(index: number): string {
  return cursorPrefix + index.toString(16).padStart(12, '0')
}

function indexOfCursor(cursor: string): number {
  const index = cursor.startsWith(cursorPrefix) ? Number.parseInt(cursor.slice(-12), 16) : Number.NaN
  if (!(index >= 0 && index < 2 ** 31 - 1)) throw new Refusal('invalid_cursor')
  return index
}
