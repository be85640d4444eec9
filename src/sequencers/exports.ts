/** Exports: mailboxes asked for at a sequencer, or as a file, and what became of each. */
import { type Selectable, sql } from 'kysely'
import {
  requireCredentialsRight,
  requireWorkspace,
  requireWrite,
  type Scope,
} from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type Choice, type ChosenMailbox, chooseMailboxes } from './choice.ts'
import { getSequencerLocked } from './connections.ts'
import { wakeSequencers } from './jobs.ts'
import { endExports } from './keeping.ts'
import { type PlatformName, sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import { newRow, rowsOf, type Sequencer, type SequencerMailbox, writeRows } from './rows.ts'
import type { ExportItemState, ExportsTable, SequencerMailboxErrorKind } from './tables.ts'
import { queuedAnew } from './transitions.ts'
import { isPushedSo, type WantedMailbox, wantedMailboxes } from './wanted.ts'

export type ExportRow = Selectable<ExportsTable>

export type NewExport = {
  /** Null: a file in the form of `platform`. */
  sequencerId: string | null
  /** Of a file without a connection. */
  platform: PlatformName | null
  /** Null: by the API, where there is one. */
  method: 'api' | 'file' | null
  choice: Choice
}

export type NewExportItem = ChosenMailbox & {
  state: ExportItemState
  error_kind: SequencerMailboxErrorKind | null
  error: string | null
}

type Target = { sequencer: Sequencer | null; platform: PlatformName; method: 'api' | 'file' }

/**
 * Asks for mailboxes at a sequencer, or as a file. What cannot be is a failed item, and no reason to refuse the others.
 * @throws Refusal sequencer_not_found, sequencer_in_use, mailbox_not_found, domain_not_found, invalid_request,
 *   export_limit_reached, forbidden.
 */
export async function createExport(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewExport,
): Promise<{ row: ExportRow; items: NewExportItem[] }> {
  requireWrite(scope)
  requireWorkspace(scope)
  requireCredentialsRight(scope)
  const target = await targetOf(platform, tx, scope, wanted)
  const chosen = await chooseMailboxes(platform, tx, scope, wanted.choice)
  await requireRoom(tx, scope)
  const settings = target.sequencer?.settings ?? {}
  const mailboxes = await wantedMailboxes(
    platform,
    tx,
    chosen.map(({ id }) => id),
    settings,
  )
  const items =
    target.method === 'api' && target.sequencer !== null
      ? await queueItems(platform, tx, target.sequencer, chosen, mailboxes)
      : chosen.map((mailbox) => settledItem(mailbox, mailboxes.get(mailbox.id), 'done'))
  const row = await insertExport(platform, tx, scope, target, items)
  if (items.every(({ state }) => state !== 'waiting')) {
    await endExports(platform, tx, [row.id], 'completed')
    return { row: { ...row, state: 'completed', completed_at: row.created_at }, items }
  }
  if (target.sequencer !== null) await wakeSequencers(tx, [target.sequencer.id])
  return { row, items }
}

async function targetOf(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { sequencerId, platform: name, method }: NewExport,
): Promise<Target> {
  if (sequencerId === null) {
    if (method === 'api') throw new Refusal('invalid_request', 'Without a connection there is only a file.')
    await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
    return { sequencer: null, platform: name ?? 'manual', method: 'file' }
  }
  const sequencer = await getSequencerLocked(platform, tx, scope, sequencerId)
  if (name !== null && name !== sequencer.platform) {
    throw new Refusal('invalid_request', 'The connection is to another platform.')
  }
  if (sequencer.delete_when_empty) throw new Refusal('sequencer_in_use', 'The connection is being deleted.')
  const { method: usual, title } = sequencerPlatforms[sequencer.platform]
  if (method === 'api' && usual === 'file') {
    throw new Refusal('invalid_request', `${title} takes mailboxes as a file only.`)
  }
  return { sequencer, platform: sequencer.platform, method: method ?? usual }
}

async function requireRoom(tx: Tx, { workspaceId }: Scope): Promise<void> {
  const { count } = await tx
    .selectFrom('exports')
    .select((of) => of.fn.countAll<string>().as('count'))
    .where('workspace_id', '=', workspaceId)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow()
  if (Number(count) >= sequencerPolicy.runningExportsMax) throw new Refusal('export_limit_reached')
}

/** Makes the rows of what is to be there, and says what becomes of each. */
async function queueItems(
  platform: Platform,
  tx: Tx,
  sequencer: Sequencer,
  chosen: readonly ChosenMailbox[],
  mailboxes: ReadonlyMap<string, WantedMailbox>,
): Promise<NewExportItem[]> {
  const now = platform.clock.now()
  const ids = chosen.map(({ id }) => id)
  const known = new Map((await rowsOf(tx, sequencer.id, ids)).map((row) => [row.mailbox_id, row]))
  const queued: SequencerMailbox[] = []
  const items = chosen.map((mailbox) => {
    const wanted = mailboxes.get(mailbox.id)
    const row = known.get(mailbox.id)
    if (!wanted || wanted.account === null) return settledItem(mailbox, wanted, 'failed')
    if (row?.state === 'connected' && isPushedSo(platform, mailbox.id, row, wanted.account)) {
      return settledItem(mailbox, wanted, 'skipped')
    }
    // What is awaited already is awaited by this export, too.
    if (row?.state !== 'confirming') queued.push(queuedAnew(row ?? newRow(sequencer, mailbox, now), now))
    return settledItem(mailbox, wanted, 'waiting')
  })
  await writeRows(tx, queued, now)
  return items
}

function settledItem(
  mailbox: ChosenMailbox,
  wanted: WantedMailbox | undefined,
  state: ExportItemState,
): NewExportItem {
  const problem = wanted?.problem ?? null
  if (wanted && problem === null) return { ...mailbox, state, error_kind: null, error: null }
  const { kind, words } = problem ?? { kind: 'not_active' as const, words: 'It is gone.' }
  return { ...mailbox, state: 'failed', error_kind: kind, error: words }
}

async function insertExport(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { sequencer, platform: name, method }: Target,
  items: readonly NewExportItem[],
): Promise<ExportRow> {
  const now = platform.clock.now()
  const row = await tx
    .insertInto('exports')
    .values({
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      sequencer_id: sequencer?.id ?? null,
      platform: name,
      method,
      state: 'running',
      total: items.length,
      created_at: now,
      completed_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  const rows = items.map((item, position) => ({ ...item, position }))
  await sql`
    insert into export_items (export_id, mailbox_id, position, address, state, error_kind, error, updated_at)
    select ${row.id}::uuid, id, position, address, state, error_kind, error, ${now}
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as given (id uuid, position integer, address text, state text, error_kind text, error text)`.execute(tx)
  await appendEvents(platform, tx, [
    {
      type: 'export.created',
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { export_id: row.id, sequencer_id: row.sequencer_id, platform: name, total: row.total },
    },
  ])
  return row
}

/**
 * Ends the exports that run at a connection which is being deleted: their items are not done any more.
 * @param tx has the connection locked.
 */
export async function failExportsOf(platform: Platform, tx: Tx, sequencerId: string): Promise<void> {
  const running = await tx
    .selectFrom('exports')
    .select('id')
    .where('sequencer_id', '=', sequencerId)
    .where('state', '=', 'running')
    .execute()
  const ids = running.map(({ id }) => id)
  await sql`
    update export_items set state = 'failed', error_kind = 'removed', error = 'The connection was deleted.',
      updated_at = ${platform.clock.now()}
    where export_id = any(${uuidArray(ids)}) and state = 'waiting'`.execute(tx)
  await endExports(platform, tx, ids, 'failed')
}
