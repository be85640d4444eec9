/** What stands beside mailboxes in other tables, for those who show it with them. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import {
  type Beside,
  pageWorkspaceMailboxes,
  type WorkspacePageFilter,
} from '../mailboxes/workspace-pages.ts'
import type { Db } from '../platform/database.ts'
import type { Numbered, NumberedPage } from '../platform/numbered-pages.ts'
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

const neighbours: Beside<Neighbours> = {
  name: 'neighbours',
  columns: sql`(select state from domains
      where domains.id = mailboxes.domain_id and domains.workspace_id = mailboxes.workspace_id) as "domainState",
    array(select target from mailbox_forwards where mailbox_id = mailboxes.id order by target) as targets,
    (select coalesce(json_agg(json_build_object('id', sequencers.id, 'name', sequencers.name,
        'platform', sequencers.platform, 'state', placed.state) order by sequencers.name, sequencers.id), '[]')
      from sequencer_mailboxes as placed join sequencers on sequencers.id = placed.sequencer_id
      where placed.mailbox_id = mailboxes.id and placed.wanted) as sequencers`,
}

/** Null: there is no such mailbox. */
export async function neighboursOf(db: Db, mailboxId: string): Promise<Neighbours | null> {
  const { rows } = await sql<Neighbours>`/* prepared neighbours_of_mailbox */
    select ${neighbours.columns} from mailboxes where id = ${mailboxId}::uuid`.execute(db)
  return rows[0] ?? null
}

/** A page of mailboxes with them, in one statement. */
export async function pageMailboxesWithNeighbours(
  db: Db,
  scope: Scope,
  filter: WorkspacePageFilter,
  page: NumberedPage,
): Promise<Numbered<Mailbox & Neighbours>> {
  return await pageWorkspaceMailboxes(db, scope, filter, page, neighbours)
}
