/** A run of work with one connection: what its steps share. */
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import {
  isPassing,
  type MailboxAccount,
  type RemoteAccount,
  type SequencerDriver,
  type SequencerError,
} from './driver.ts'
import { keepChanges, type RowChange } from './keeping.ts'
import { sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import { lockSequencer, rowsOf, type Sequencer, type SequencerMailbox } from './rows.ts'
import { concernsConnection } from './transitions.ts'

export type Run = {
  platform: Platform
  /** As it was at the beginning. */
  sequencer: Sequencer
  driver: SequencerDriver
  /** Whether no more is to be begun. */
  isOver(): boolean
  /** What keeps all mailboxes of the connection waiting. */
  stopped: SequencerError | null
  /** Failures in a row that would pass by themselves. */
  failuresInRow: number
  hasSucceeded: boolean
}

/** A mailbox that the sequencer is being told of, by its id. */
export type Begun = { id: string; account: MailboxAccount }

/** The connection was deleted, or has another key or other settings: what was begun is of another time. */
export class RunEnded extends Error {}

/** @returns the connection, locked. @throws RunEnded. */
export async function lockOfRun(tx: Tx, { sequencer }: Run): Promise<Sequencer> {
  const row = await lockSequencer(tx, sequencer.id)
  if (!row) throw new RunEnded('the connection is gone')
  return row
}

/** For what is begun: not with a key that is another one by now. @throws RunEnded. */
export async function lockUnchanged(tx: Tx, run: Run): Promise<Sequencer> {
  const row = await lockOfRun(tx, run)
  const { sealed_private_key: key, settings } = run.sequencer
  const isSame = key !== null && row.sealed_private_key?.equals(key) === true
  // Sealing again under another master key is no change, but it is rare enough to begin anew.
  if (!isSame || JSON.stringify(row.settings) !== JSON.stringify(settings)) {
    throw new RunEnded('the connection was changed')
  }
  return row
}

/** Changes the rows of these mailboxes as they are now, in a transaction of its own. */
export async function change(
  run: Run,
  mailboxIds: readonly string[],
  next: (row: SequencerMailbox, sequencer: Sequencer) => SequencerMailbox | null,
): Promise<void> {
  await transaction(run.platform.db, async (tx) => {
    const sequencer = await lockOfRun(tx, run)
    const rows = await rowsOf(tx, sequencer.id, mailboxIds)
    const changes: RowChange[] = rows.map((before) => ({ before, after: next(before, sequencer) }))
    await keepChanges(run.platform, tx, sequencer, changes)
  })
}

/** Counts a failure: of the connection, or so many in a row that they must be. */
export function noteFailed(run: Run, error: SequencerError): void {
  if (concernsConnection(error)) run.stopped = error
  else if (!isPassing(error)) noteSucceeded(run)
  else if (++run.failuresInRow >= sequencerPolicy.failuresInRowMax) run.stopped = error
}

/** It answered as it should, whatever it said. */
export function noteSucceeded(run: Run): void {
  run.failuresInRow = 0
  run.hasSucceeded = true
}

/** The account of a row as drivers want it. */
export function accountOf(row: SequencerMailbox & { remote_id: string }): RemoteAccount {
  return { id: row.remote_id, address: row.address, status: row.remote_status ?? 'unknown', words: null }
}

export function hasRemote(row: SequencerMailbox): row is SequencerMailbox & { remote_id: string } {
  return row.remote_id !== null
}

export function appearsMs({ sequencer }: Run): number {
  return sequencerPlatforms[sequencer.platform].appearsMsMax ?? sequencerPolicy.appearsMsMax
}
