/** What sending limits need no more. */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'limits.clean_up': Record<string, never>
  }
}

/** The day before yesterday counts nowhere; an hour is kept as long as a day is. */
const counterDays = 2
const deletedPerStatement = 5_000

/** @returns how many of this batch. */
export async function deleteOldCounters(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - (counterDays + 1) * 86_400_000)
  const { numAffectedRows } = await sql`
    delete from sending_counters where (scope_id, span, window_start) in (
      select scope_id, span, window_start from sending_counters where window_start < ${before} limit ${deletedPerStatement})`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0)
}

const purgedPerStatement = 100

/** Forgets whom mailboxes wrote to that are purged. @returns how many mailboxes of this batch. */
export async function forgetPurgedSenders(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    with gone as (
      select scope_id from sending_states join mailboxes on mailboxes.id = scope_id
      where mailboxes.state = 'deleted' and mailboxes.purge_at is null limit ${purgedPerStatement}
    ), forgotten as (delete from sent_recipients where mailbox_id in (select scope_id from gone))
    delete from sending_states where scope_id in (select scope_id from gone)`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}
