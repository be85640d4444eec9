/** Recipients that are done with are kept for some weeks, so that anyone can see what became of a message. */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { deleteOldPolicies } from './mta-sts.ts'
import { releaseFinished } from './release.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'outbound.expire': Record<string, never>
  }
}

const keptDays = 30
const rowsPerBatch = 2000

/** Removes a batch of recipients with their steps, and the messages that they were the last of. @returns how many. */
export async function expireOutbound(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  const before = new Date(now.getTime() - keptDays * 24 * 3600 * 1000)
  const removed = await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ outbound_message_id: string }>`
      delete from outbound_recipients where id in (
        select id from outbound_recipients where finished_at < ${before}::timestamptz
        order by finished_at limit ${rowsPerBatch}::int for update skip locked
      )
      returning outbound_message_id`.execute(tx)
    const messages = [...new Set(rows.map((row) => row.outbound_message_id))]
    if (messages.length === 0) return 0
    await releaseFinished(tx, messages, now) // let go long ago, unless something went wrong
    await sql`delete from outbound_messages m where id = any(${uuidArray(messages)})
      and not exists (select from outbound_recipients r where r.outbound_message_id = m.id)`.execute(tx)
    return rows.length
  })
  if (removed === 0) await deleteOldPolicies(platform)
  return removed
}
