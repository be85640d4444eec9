/** Many mailboxes and domains at once, for who tells of them: read in sets, of any workspace. */
import { sql } from 'kysely'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Mailbox } from './tables.ts'

export type KnownMailbox = Pick<
  Mailbox,
  'id' | 'domain_id' | 'address' | 'state' | 'first_name' | 'last_name' | 'display_name'
>

/** By their ids; also those that are deleted, while they are kept. */
export async function readManyMailboxes(db: Db, ids: readonly string[]): Promise<Map<string, KnownMailbox>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<KnownMailbox>`/* prepared many_mailboxes */
    select id, domain_id, address, state, first_name, last_name, display_name from mailboxes
    where id = any(${uuidArray([...ids])})`.execute(db)
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
export async function readManyDomains(db: Db, ids: readonly string[]): Promise<Map<string, KnownDomain>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<KnownDomain>`/* prepared many_domains */
    select id, name, state,
      exists (select from domain_registrations where domain_id = domains.id) as "isRegistered",
      (select count(*)::int from mailboxes where mailboxes.domain_id = domains.id
        and mailboxes.state not in ('deleted', 'deletion_scheduled', 'failed')) as mailboxes
    from domains where id = any(${uuidArray([...ids])})`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
