/** The rows of connections and of the mailboxes at them, locked and written as sets. */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { SequencerMailboxesTable, SequencersTable } from './tables.ts'

export type Sequencer = Selectable<SequencersTable>
export type SequencerMailbox = Selectable<SequencerMailboxesTable>

/**
 * Locks a connection. Whoever changes rows of its mailboxes or of its exports does this first: they are changed by one
 * at a time, none of whom waits for the world.
 */
export async function lockSequencer(tx: Tx, id: string): Promise<Sequencer | undefined> {
  return await tx.selectFrom('sequencers').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
}

/** Those of these mailboxes that have a row. The connection is locked. */
export async function rowsOf(tx: Tx, id: string, mailboxIds: readonly string[]): Promise<SequencerMailbox[]> {
  return await tx
    .selectFrom('sequencer_mailboxes')
    .selectAll()
    .where('sequencer_id', '=', id)
    .where(sql<boolean>`mailbox_id = any(${uuidArray(mailboxIds)})`)
    .orderBy('mailbox_id')
    .execute()
}

/** Writes rows, new ones too. The connection is locked. */
export async function writeRows(tx: Tx, rows: readonly SequencerMailbox[], now: Date): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into sequencer_mailboxes (${columnList})
    select sequencer_id, mailbox_id, workspace_id, state, wanted, address, decode(pushed_digest, 'hex'), pushed_key_id,
      remote_id, remote_status, pending_ref, uncertain, attempts, next_attempt_at, error_kind, last_error, pushed_at,
      observed_at, compared_at, created_at, ${now}
    from json_to_recordset(${JSON.stringify(rows.map(asJson))}::json) as given (
      sequencer_id uuid, mailbox_id uuid, workspace_id uuid, state text, wanted boolean, address text,
      pushed_digest text, pushed_key_id text, remote_id text, remote_status text, pending_ref text, uncertain boolean,
      attempts integer, next_attempt_at timestamptz, error_kind text, last_error text, pushed_at timestamptz,
      observed_at timestamptz, compared_at timestamptz, created_at timestamptz)
    on conflict (sequencer_id, mailbox_id) do update set (${columnList}) = (${excludedList})`.execute(tx)
}

const columns = [
  'sequencer_id',
  'mailbox_id',
  'workspace_id',
  'state',
  'wanted',
  'address',
  'pushed_digest',
  'pushed_key_id',
  'remote_id',
  'remote_status',
  'pending_ref',
  'uncertain',
  'attempts',
  'next_attempt_at',
  'error_kind',
  'last_error',
  'pushed_at',
  'observed_at',
  'compared_at',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof SequencerMailbox)[]

const columnList: RawBuilder<unknown> = sql.raw(columns.join(', '))
const excludedList: RawBuilder<unknown> = sql.raw(columns.map((name) => `excluded.${name}`).join(', '))

function asJson({ pushed_digest: digest, ...row }: SequencerMailbox): object {
  return { ...row, pushed_digest: digest === null ? null : digest.toString('hex') }
}

/** The row of a mailbox that was never pushed. */
export function newRow(
  sequencer: Pick<Sequencer, 'id' | 'workspace_id'>,
  mailbox: { id: string; address: string },
  now: Date,
): SequencerMailbox {
  return {
    sequencer_id: sequencer.id,
    mailbox_id: mailbox.id,
    workspace_id: sequencer.workspace_id,
    state: 'queued',
    wanted: true,
    address: mailbox.address,
    pushed_digest: null,
    pushed_key_id: null,
    remote_id: null,
    remote_status: null,
    pending_ref: null,
    uncertain: false,
    attempts: 0,
    next_attempt_at: now,
    error_kind: null,
    last_error: null,
    pushed_at: null,
    observed_at: null,
    compared_at: null,
    created_at: now,
    updated_at: now,
  }
}

export async function deleteRows(tx: Tx, id: string, mailboxIds: readonly string[]): Promise<void> {
  if (mailboxIds.length === 0) return
  await tx
    .deleteFrom('sequencer_mailboxes')
    .where('sequencer_id', '=', id)
    .where(sql<boolean>`mailbox_id = any(${uuidArray(mailboxIds)})`)
    .execute()
}
