/** Where mailboxes are exported to, for lists that show it of many of them. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { SequencerMailboxState } from './tables.ts'

export type SequencerOfMailbox = { id: string; name: string; platform: string; state: SequencerMailboxState }

/** The sequencers that each of these mailboxes is to be at, by name; one that is to be at none is left out. */
export async function sequencersOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<Map<string, SequencerOfMailbox[]>> {
  if (mailboxIds.length === 0) return new Map()
  const { rows } = await sql<SequencerOfMailbox & { mailbox_id: string }>`
    select placed.mailbox_id, sequencers.id, sequencers.name, sequencers.platform, placed.state
    from sequencer_mailboxes as placed join sequencers on sequencers.id = placed.sequencer_id
    where placed.mailbox_id = any(${uuidArray(mailboxIds)}) and placed.wanted
    order by sequencers.name, sequencers.id`.execute(db)
  return Map.groupBy(rows, ({ mailbox_id: id }) => id)
}
