/** What stands beside mailboxes in other tables, for lists that show it of many of them: one statement, planned once. */
import { type RawBuilder, sql } from 'kysely'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { SequencerMailboxState } from './tables.ts'

export type SequencerOfMailbox = { id: string; name: string; platform: string; state: SequencerMailboxState }

export type Neighbours = {
  /** Of the domain; null where that is another workspace's, and shared. */
  domainState: DomainState | null
  /** Where the mailbox forwards to, by the alphabet. */
  targets: readonly string[]
  /** Those that it is to be at, by name. */
  sequencers: readonly SequencerOfMailbox[]
}

type Row = Neighbours & { id: string }

/** By the mailbox's id. */
export async function neighboursOf(db: Db, mailboxIds: readonly string[]): Promise<Map<string, Neighbours>> {
  const [first] = mailboxIds
  if (first === undefined) return new Map()
  // Of an array the database expects ten or a hundred, and plans for one anew each time, as it finds that cheaper.
  const among =
    mailboxIds.length === 1
      ? sql`/* prepared neighbours_of_one */ ${neighbours} where mailboxes.id = ${first}::uuid`
      : sql`/* prepared neighbours_of_many */ ${neighbours}
          where mailboxes.id in (select unnest(${uuidArray(mailboxIds)}))`
  const { rows } = await sql<Row>`${among}`.execute(db)
  return new Map(rows.map(({ id, ...beside }) => [id, beside]))
}

const neighbours: RawBuilder<unknown> = sql`
    select mailboxes.id,
      case when domains.workspace_id = mailboxes.workspace_id then domains.state end as "domainState",
      array(select target from mailbox_forwards where mailbox_id = mailboxes.id order by target) as targets,
      (select coalesce(json_agg(json_build_object('id', sequencers.id, 'name', sequencers.name,
          'platform', sequencers.platform, 'state', placed.state) order by sequencers.name, sequencers.id), '[]')
        from sequencer_mailboxes as placed join sequencers on sequencers.id = placed.sequencer_id
        where placed.mailbox_id = mailboxes.id and placed.wanted) as sequencers
    from mailboxes join domains on domains.id = mailboxes.domain_id`
