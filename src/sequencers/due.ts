/** What is due at a connection, and when the next of it will be. */
import { type RawBuilder, sql } from 'kysely'
import { type Db, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { wakeSequencerAt, wakeSequencers } from './jobs.ts'
import { sequencerPolicy } from './policy.ts'
import { lockSequencer, type Sequencer, type SequencerMailbox } from './rows.ts'

/** Kinds of work, in the order in which it is done. */
export const due = {
  doubtful: sql`uncertain`,
  removal: sql`state = 'removing' and not uncertain`,
  update: sql`state = 'queued' and not uncertain and remote_id is not null`,
  addition: sql`state = 'queued' and not uncertain and remote_id is null`,
  confirmation: sql`state = 'confirming' and not uncertain`,
} as const satisfies Record<string, RawBuilder<unknown>>

/** @returns those that have been due for the longest. */
export async function dueRows(
  db: Db,
  id: string,
  kind: RawBuilder<unknown>,
  now: Date,
  limit: number,
): Promise<SequencerMailbox[]> {
  const { rows } = await sql<SequencerMailbox>`
    select * from sequencer_mailboxes
    where sequencer_id = ${id}::uuid and next_attempt_at <= ${now}
      and state in ('queued', 'confirming', 'removing', 'inactive') and ${kind}
    order by next_attempt_at, mailbox_id limit ${limit}`.execute(db)
  return rows
}

/** Whether its whole list is to be read before anything else: something is due, and it was not looked at for long. */
export function isListStale({ observed_at: at }: Pick<Sequencer, 'observed_at'>, now: Date): boolean {
  return at === null || now.getTime() - at.getTime() >= sequencerPolicy.observeMs
}

/** Adds the job for what is due next at a connection, if anything is. */
export async function scheduleNext(platform: Platform, id: string): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const sequencer = await lockSequencer(tx, id)
    if (!sequencer) return
    const { rows } = await sql<{ at: Date | null }>`
      select min(next_attempt_at) as at from sequencer_mailboxes
      where sequencer_id = ${id}::uuid and next_attempt_at is not null`.execute(tx)
    const next = rows[0]?.at ?? null
    if (next === null) return
    const now = platform.clock.now()
    const at = latest(next, sequencer.retry_at, sequencer.next_call_at)
    if (at.getTime() - now.getTime() > shortMs) await wakeSequencerAt(tx, id, at)
    else await wakeSequencers(tx, [id])
  })
}

/** A run may as well wait for this long by itself. */
const shortMs = 500

function latest(first: Date, ...others: readonly (Date | null)[]): Date {
  return others.reduce<Date>((best, one) => (one !== null && one > best ? one : best), first)
}
