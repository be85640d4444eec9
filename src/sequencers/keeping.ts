/**
 * Keeps what has become of mailboxes at a sequencer: their rows, the items of exports that waited for it, and the events,
 * in one transaction.
 */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { deleteRows, type Sequencer, type SequencerMailbox, writeRows } from './rows.ts'
import type { ExportItemState, SequencerMailboxErrorKind } from './tables.ts'

/** after null: nothing of it is left to be known. */
export type RowChange = { before: SequencerMailbox; after: SequencerMailbox | null }

/** @param sequencer locked in this transaction. */
export async function keepChanges(
  platform: Platform,
  tx: Tx,
  sequencer: Sequencer,
  changes: readonly RowChange[],
): Promise<void> {
  if (changes.length === 0) return
  const now = platform.clock.now()
  const gone = changes.filter(({ after }) => after === null).map(({ before }) => before.mailbox_id)
  await deleteRows(tx, sequencer.id, gone)
  const kept = changes.map(({ after }) => after).filter((row) => row !== null)
  await writeRows(tx, kept, now)
  await appendEvents(
    platform,
    tx,
    changes.flatMap((change) => eventsOf(sequencer, change)),
  )
  const settled = changes.flatMap(({ before, after }) => itemOf(before, after))
  if (await settleItems(tx, sequencer.id, settled, now)) await completeExports(platform, tx, sequencer.id)
}

function eventsOf(sequencer: Sequencer, { before, after }: RowChange): NewEvent[] {
  const whose = {
    organizationId: sequencer.organization_id,
    workspaceId: sequencer.workspace_id,
    mailboxId: before.mailbox_id,
  }
  const data = {
    sequencer_id: sequencer.id,
    mailbox_id: before.mailbox_id,
    address: after?.address ?? before.address,
  }
  const isRemoved = before.state === 'removing' && (after === null || after.state === 'inactive')
  if (after === null || isRemoved) return [{ type: 'sequencer.mailbox_removed', ...whose, data }]
  if (after.state === before.state && after.error_kind === before.error_kind) return []
  if (after.state === 'connected') return [{ type: 'sequencer.mailbox_connected', ...whose, data }]
  if (after.state !== 'failed' && after.state !== 'disconnected' && after.state !== 'missing') return []
  const kind = after.error_kind ?? 'upstream'
  const problem = after.last_error ?? ''
  return [{ type: 'sequencer.mailbox_failed', ...whose, data: { ...data, kind, problem } }]
}

type SettledItem = {
  mailbox_id: string
  state: ExportItemState
  error_kind: SequencerMailboxErrorKind | null
  error: string | null
}

/** Items wait as long as it is tried to bring their mailbox there. */
function itemOf(before: SequencerMailbox, after: SequencerMailbox | null): SettledItem[] {
  const { mailbox_id } = before
  switch (after?.state) {
    case 'queued':
    case 'confirming':
      return []
    case 'connected':
      return [{ mailbox_id, state: 'done', error_kind: null, error: null }]
    case 'failed':
    case 'disconnected':
    case 'missing':
    case 'inactive':
      return [{ mailbox_id, state: 'failed', error_kind: after.error_kind, error: after.last_error }]
    case 'removing':
    case undefined:
      return [{ mailbox_id, state: 'failed', error_kind: 'removed', error: 'It was taken away.' }]
  }
}

/** @returns whether any item waited for them. */
async function settleItems(
  tx: Tx,
  sequencerId: string,
  items: readonly SettledItem[],
  now: Date,
): Promise<boolean> {
  if (items.length === 0) return false
  const { rows } = await sql<{ export_id: string }>`
    update export_items set state = given.state, error_kind = given.error_kind, error = given.error, updated_at = ${now}
    from exports, json_to_recordset(${JSON.stringify(items)}::json)
      as given (mailbox_id uuid, state text, error_kind text, error text)
    where exports.sequencer_id = ${sequencerId}::uuid and exports.state = 'running'
      and export_items.export_id = exports.id and export_items.mailbox_id = given.mailbox_id
      and export_items.state = 'waiting'
    returning export_id`.execute(tx)
  return rows.length > 0
}

/** Ends the exports of a connection for which nothing is to be awaited any more. The connection is locked. */
export async function completeExports(platform: Platform, tx: Tx, sequencerId: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from exports where sequencer_id = ${sequencerId}::uuid and state = 'running' and not exists
      (select 1 from export_items where export_id = exports.id and state = 'waiting')`.execute(tx)
  await endExports(
    platform,
    tx,
    rows.map(({ id }) => id),
    'completed',
  )
}

type Ended = {
  id: string
  organization_id: string
  workspace_id: string
  sequencer_id: string | null
  platform: string
  done: number
  skipped: number
  failed: number
}

/** Their items are settled. */
export async function endExports(
  platform: Platform,
  tx: Tx,
  ids: readonly string[],
  state: 'completed' | 'failed',
): Promise<void> {
  if (ids.length === 0) return
  const { rows } = await sql<Ended>`
    update exports set state = ${state}, completed_at = ${platform.clock.now()}
    from (
      select export_id, count(*) filter (where state = 'done')::int as done,
        count(*) filter (where state = 'skipped')::int as skipped,
        count(*) filter (where state = 'failed')::int as failed
      from export_items where export_id = any(${uuidArray(ids)}) group by export_id
    ) as counts
    where exports.id = export_id
    returning exports.id, organization_id, workspace_id, sequencer_id, platform, done, skipped, failed`.execute(
    tx,
  )
  await appendEvents(
    platform,
    tx,
    rows.map(
      ({ id, organization_id, workspace_id, sequencer_id, platform: name, done, skipped, failed }) => ({
        type: 'export.completed' as const,
        organizationId: organization_id,
        workspaceId: workspace_id,
        data: { export_id: id, sequencer_id, platform: name, done, skipped, failed },
      }),
    ),
  )
}
