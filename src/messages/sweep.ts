/** The sweep: bodies that lost their last message are removed, and pieces of messages that never arrived whole. */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { idFloor } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'bodies.sweep': Record<string, never>
  }
}

// A COPY that runs while the last message is expunged has committed long before the body is looked at.
const graceMs = 3600 * 1000
const candidatesPerRun = 10_000
// No message takes a day to arrive.
const abandonedMs = 24 * 3600 * 1000

/** Notes all bodies of a mailbox, before its messages and those that could be restored are removed for good. */
export async function addSweepCandidatesOf(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  await sql`
    insert into sweep_candidates (body_id, since)
    select body_id, ${platform.clock.now()}::timestamptz from (
      select body_id from messages where mailbox_id = ${mailboxId}::uuid
      union select body_id from deleted_messages where mailbox_id = ${mailboxId}::uuid
    ) as gone`.execute(tx)
}

/** Removes the bodies among the candidates that nothing refers to. @returns how many candidates were looked at. */
export async function sweepBodies(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - graceMs)
  const { rows } = await sql<{ looked: number }>`
    with candidates as (
      delete from sweep_candidates where ctid in (
        select ctid from sweep_candidates where since < ${before} order by since limit ${candidatesPerRun}
        for update skip locked
      ) returning body_id
    ), gone as (
      delete from bodies where id in (select body_id from candidates)
        and not exists (select from messages where messages.body_id = bodies.id)
        and not exists (select from deleted_messages where deleted_messages.body_id = bodies.id)
        and not exists (select from body_holds where body_holds.body_id = bodies.id)
      returning id
    ), pieces as (
      delete from body_chunks where body_id in (select id from gone)
    )
    select count(*)::int as looked from candidates`.execute(platform.db)
  await sweepAbandonedChunks(platform)
  return rows[0]?.looked ?? 0
}

/** Only a window of ids is looked at, because the sweep runs far more often than the window is long. */
async function sweepAbandonedChunks(platform: Platform): Promise<void> {
  const nowMs = platform.clock.now().getTime()
  const from = idFloor(new Date(nowMs - 3 * abandonedMs))
  const to = idFloor(new Date(nowMs - abandonedMs))
  await sql`
    delete from body_chunks where body_id between ${from}::uuid and ${to}::uuid
      and not exists (select from bodies where bodies.id = body_chunks.body_id)`.execute(platform.db)
}

/** Keeps bodies while something other than a message needs them (a queued delivery). */
export function holdBodies(holds: readonly { bodyId: string; holderId: string }[]): RawBuilder<unknown> {
  return sql`/* prepared hold_bodies */
    insert into body_holds (body_id, holder_id)
    select * from unnest(${uuidArray(holds.map(({ bodyId }) => bodyId))}, ${uuidArray(holds.map(({ holderId }) => holderId))})`
}

/** Lets go of bodies: what nothing else refers to goes with the next sweep. */
export function releaseBodies(holderIds: readonly string[], at: Date): RawBuilder<unknown> {
  return sql`/* prepared release_bodies */
    with released as (delete from body_holds where holder_id = any(${uuidArray(holderIds)}) returning body_id)
    insert into sweep_candidates (body_id, since) select body_id, ${at}::timestamptz from released`
}
