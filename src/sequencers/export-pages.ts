/** Exports, their items and the mailboxes at a sequencer, as they are read. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { idsOfNumber } from '../platform/id-numbers.ts'
import { isId } from '../platform/ids.ts'
import { encodeCursor, type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { getSequencer } from './connections.ts'
import type { ExportRow } from './exports.ts'
import type { SequencerMailbox } from './rows.ts'
import type { ExportItemState, ExportItemsTable, SequencerMailboxState } from './tables.ts'

export type ExportCounts = Record<ExportItemState, number>
export type Export = ExportRow & ExportCounts
export type ExportItem = Selectable<ExportItemsTable>

export type ExportFilter = { sequencerId: string | null }

/** The workspace's exports, oldest first, with counts of this moment. @throws Refusal forbidden. */
export async function listExports(
  platform: Platform,
  scope: Scope,
  { sequencerId }: ExportFilter,
  page: PageRequest,
): Promise<Page<Export>> {
  requireWorkspace(scope)
  const sequencer = sequencerId === null ? null : await getSequencer(platform, scope, sequencerId)
  const rows = await own(platform.db, scope)
    .$if(sequencer !== null, (query) => query.where(sql<boolean>`sequencer_id = ${sequencer?.id}::uuid`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  const { rows: kept, nextCursor } = toPage(rows, page)
  return { rows: await counted(platform.db, kept), nextCursor }
}

/** @throws Refusal export_not_found, forbidden. */
export async function getExport(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Export> {
  requireWorkspace(scope)
  const row = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  const [found] = row ? await counted(db, [row]) : []
  if (!found) throw new Refusal('export_not_found')
  return found
}

/** The same by its number (id-numbers.ts). @throws Refusal export_not_found, forbidden. */
export async function getExportByNumber(platform: Platform, scope: Scope, number: number): Promise<Export> {
  requireWorkspace(scope)
  const ids = idsOfNumber(number)
  if (ids === null) throw new Refusal('export_not_found')
  const row = await own(platform.db, scope)
    .where(sql<boolean>`id between ${ids.first}::uuid and ${ids.last}::uuid`)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  const [found] = row ? await counted(platform.db, [row]) : []
  if (!found) throw new Refusal('export_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('exports')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
}

async function counted(db: Db, rows: readonly ExportRow[]): Promise<Export[]> {
  if (rows.length === 0) return []
  const { rows: counts } = await sql<{ export_id: string; state: ExportItemState; count: number }>`
    select export_id, state, count(*)::int as count from export_items
    where export_id = any(${uuidArray(rows.map(({ id }) => id))}) group by export_id, state`.execute(db)
  return rows.map((row) => {
    const none: ExportCounts = { waiting: 0, done: 0, skipped: 0, failed: 0 }
    const own = counts.filter(({ export_id: id }) => id === row.id)
    return { ...row, ...none, ...Object.fromEntries(own.map(({ state, count }) => [state, count])) }
  })
}

/** In the order in which they were asked for. @throws Refusal export_not_found, invalid_cursor, forbidden. */
export async function listExportItems(
  platform: Platform,
  scope: Scope,
  ref: string,
  { state }: { state: ExportItemState | null },
  page: PageRequest,
): Promise<Page<ExportItem>> {
  const { id } = await getExport(platform, scope, ref)
  const after = sql<number>`(select position from export_items where export_id = ${id}::uuid
    and mailbox_id = ${page.after}::uuid)`
  const rows = await platform.db
    .selectFrom('export_items')
    .selectAll()
    .where('export_id', '=', id)
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`position > ${after}`))
    .orderBy('position')
    .limit(page.limit + 1)
    .execute()
  return pageByMailbox(rows, page)
}

/** Of mailboxes at sequencers, whichever export asked for them. Null wherever nothing is asked for. */
export type ExportedFilter = {
  sequencerId: string | null
  mailboxIds: readonly string[] | null
  items: readonly { exportId: string; mailboxId: string }[] | null
  states: readonly ExportItemState[] | null
}

export type ExportedMailbox = ExportItem & { sequencer_id: string | null; created_at: Date }

/**
 * What was asked for at sequencers, the newest export first. Ids that are none have nothing.
 * @throws Refusal sequencer_not_found, forbidden.
 */
export async function listExportedMailboxes(
  platform: Platform,
  scope: Scope,
  { sequencerId, mailboxIds, items, states }: ExportedFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<ExportedMailbox[]> {
  requireWorkspace(scope)
  const sequencer = sequencerId === null ? null : await getSequencer(platform, scope, sequencerId)
  const known = (items ?? []).filter(({ exportId, mailboxId }) => isId(exportId) && isId(mailboxId))
  const { rows } = await sql<ExportedMailbox>`
    select item.*, exports.sequencer_id, exports.created_at
    from exports join export_items as item on item.export_id = exports.id
    where exports.organization_id = ${scope.organizationId}::uuid and exports.workspace_id = ${scope.workspaceId}::uuid
      and method = 'api'
      ${sequencer === null ? sql`` : sql`and exports.sequencer_id = ${sequencer.id}::uuid`}
      ${mailboxIds === null ? sql`` : sql`and item.mailbox_id = any(${uuidArray(mailboxIds.filter(isId))})`}
      ${
        items === null
          ? sql``
          : sql`and (item.export_id, item.mailbox_id) in (select * from unnest(
              ${uuidArray(known.map(({ exportId }) => exportId))}, ${uuidArray(known.map(({ mailboxId }) => mailboxId))}))`
      }
      ${states === null ? sql`` : sql`and item.state = any(${states}::text[])`}
    order by exports.id desc, item.position limit ${limit} offset ${offset}`.execute(platform.db)
  return rows
}

/** The mailboxes that are at a sequencer or are to be there. @throws Refusal sequencer_not_found, invalid_cursor, forbidden. */
export async function listSequencerMailboxes(
  platform: Platform,
  scope: Scope,
  ref: string,
  { state }: { state: SequencerMailboxState | null },
  page: PageRequest,
): Promise<Page<SequencerMailbox>> {
  const { id } = await getSequencer(platform, scope, ref)
  const rows = await platform.db
    .selectFrom('sequencer_mailboxes')
    .selectAll()
    .where('sequencer_id', '=', id)
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`mailbox_id > ${page.after}::uuid`))
    .orderBy('mailbox_id')
    .limit(page.limit + 1)
    .execute()
  return pageByMailbox(rows, page)
}

function pageByMailbox<T extends { mailbox_id: string }>(
  rows: readonly T[],
  { limit }: PageRequest,
): Page<T> {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return { rows: kept, nextCursor: rows.length > limit && last ? encodeCursor(last.mailbox_id) : null }
}
