/**
 * Who works on which mailbox: a claim in its row, so that no connection to the database is held while a service is
 * waited for. A claim ends by itself when its node does.
 */
import { type Selectable, sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Connection } from './connections.ts'
import { wakeConnectionAt, wakeConnections } from './jobs.ts'
import { enginePolicy } from './policy.ts'
import type { MailboxRemotesTable } from './tables.ts'

export type Remote = Selectable<MailboxRemotesTable>

export type Claim = { id: string; connection: Connection; remote: Remote }

/**
 * Takes the mailbox of a connection that has been due for the longest.
 * @returns null when none is due; busy when as many are worked on as may be, whose runs look for more when they end.
 */
export async function claimNext(platform: Platform, connectionId: string): Promise<Claim | 'busy' | null> {
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    // Locked, so that two runs do not count the same room.
    const connection = await lockConnection(tx, connectionId)
    if (!connection || (connection.retry_at !== null && connection.retry_at > now)) return null
    const { running } = await tx
      .selectFrom('mailbox_remotes')
      .select((of) => of.fn.countAll<string>().as('running'))
      .where('connection_id', '=', connectionId)
      .where('claim_id', 'is not', null)
      .where('claimed_until', '>', now)
      .executeTakeFirstOrThrow()
    if (Number(running) >= enginePolicy.runsPerConnection) return 'busy'
    const id = newId()
    const { rows } = await sql<Remote>`
      update mailbox_remotes set claim_id = ${id}::uuid,
        claimed_until = ${new Date(now.getTime() + enginePolicy.claimMs)}
      where mailbox_id = (
        select mailbox_id from mailbox_remotes
        where connection_id = ${connectionId}::uuid and next_attempt_at <= ${now}
          and (claim_id is null or claimed_until <= ${now})
        order by next_attempt_at limit 1 for update skip locked
      ) returning *`.execute(tx)
    const [remote] = rows
    return remote === undefined ? null : { id, connection, remote }
  })
}

async function lockConnection(tx: Tx, id: string): Promise<Connection | undefined> {
  return await tx
    .selectFrom('service_connections')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Ends a claim whose run noted everything else. */
export async function release({ db }: Platform, { id, remote }: Claim): Promise<void> {
  await db
    .updateTable('mailbox_remotes')
    .set({ claim_id: null, claimed_until: null })
    .where('mailbox_id', '=', remote.mailbox_id)
    .where('claim_id', '=', id)
    .execute()
}

/** For a run that broke down. */
export async function putOff({ db }: Platform, { id, remote }: Claim, until: Date): Promise<void> {
  await db
    .updateTable('mailbox_remotes')
    .set({ next_attempt_at: until })
    .where('mailbox_id', '=', remote.mailbox_id)
    .where('claim_id', '=', id)
    .execute()
}

/** Adds the job for what is due next at a connection, if anything is. */
export async function scheduleNext(platform: Platform, connectionId: string): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const connection = await lockConnection(tx, connectionId)
    if (!connection) return
    const next = await tx
      .selectFrom('mailbox_remotes')
      .select((of) => of.fn.min('next_attempt_at').as('at'))
      .where('connection_id', '=', connectionId)
      .where('next_attempt_at', 'is not', null)
      .where('claim_id', 'is', null)
      .executeTakeFirst()
    if (!next?.at) return
    const at = connection.retry_at !== null && connection.retry_at > next.at ? connection.retry_at : next.at
    if (at > platform.clock.now()) await wakeConnectionAt(tx, connectionId, at)
    else await wakeConnections(tx, [connectionId])
  })
}
