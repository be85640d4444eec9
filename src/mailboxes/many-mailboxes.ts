/** Many mailboxes and domains at once, of whichever workspaces: for those who follow the event log, and of what is gone, too. */
import { sql } from 'kysely'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Mailbox } from './tables.ts'

export type ManyMailbox = Mailbox & {
  domain_name: string
  domain_state: DomainState
  /** The addresses that its mail goes to, in the order of the alphabet. */
  forwards_to: string[]
}

export async function readManyMailboxes(db: Db, ids: readonly string[]): Promise<Map<string, ManyMailbox>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<ManyMailbox>`
    select mailboxes.*, domains.name as domain_name, domains.state as domain_state,
      array(select target from mailbox_forwards where mailbox_id = mailboxes.id order by target) as forwards_to
    from mailboxes join domains on domains.id = mailboxes.domain_id
    where mailboxes.id = any(${uuidArray(ids)})`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

export type KnownDomain = {
  id: string
  name: string
  state: DomainState
  /** Whether it was registered here, and not connected. */
  isRegistered: boolean
  /** Mailboxes in it that there are or will be. */
  mailboxes: number
}

/** By their ids; also those that are deleted. */
export async function readKnownDomains(db: Db, ids: readonly string[]): Promise<Map<string, KnownDomain>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<KnownDomain>`/* prepared many_domains */
    select id, name, state,
      exists (select from domain_registrations where domain_id = domains.id) as "isRegistered",
      (select count(*)::int from mailboxes where mailboxes.domain_id = domains.id
        and mailboxes.state not in ('deleted', 'deletion_scheduled', 'failed')) as mailboxes
    from domains where id = any(${uuidArray([...ids])})`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
