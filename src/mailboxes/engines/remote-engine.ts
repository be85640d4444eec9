/** The engine of mailboxes at services elsewhere: it only notes what is wanted; reconcile.ts brings it there. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { EngineChange, MailboxEngine } from '../engines.ts'
import { type ConnectionService, remoteKinds } from './drivers.ts'
import { wakeConnections } from './jobs.ts'
import type { RemoteState } from './remote-states.ts'

/** @param here the engine that forgets what is kept here of any mailbox. */
export function remoteEngine(service: ConnectionService, here: Pick<MailboxEngine, 'purge'>): MailboxEngine {
  return {
    capabilities: remoteKinds[service].capabilities,
    isImmediate: false,
    async isSetUp(db, workspaceId) {
      const row = await db
        .selectFrom('service_connections')
        .select('id')
        .where('workspace_id', '=', workspaceId)
        .where('service', '=', service)
        .where('is_default', '=', true)
        .executeTakeFirst()
      return row !== undefined
    },
    provision,
    changed: noteChange,
    async purge(platform, tx, mailboxId) {
      await here.purge(platform, tx, mailboxId)
      await noteChange(platform, tx, [mailboxId], 'state')
    },
  }
}

/** At the workspace's default connection. Those that wait for their domain are not due yet. */
async function provision(platform: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void> {
  const now = platform.clock.now()
  // Held, so that the connection is not deleted meanwhile.
  const connections = await sql<{ id: string }>`
    select id from service_connections where is_default and (workspace_id, service) in
      (select workspace_id, service from mailboxes where id = any(${mailboxIds}::uuid[]))
    for share`.execute(tx)
  const ids = connections.rows.map(({ id }) => id)
  const { rows } = await sql<{ connection_id: string }>`
    insert into mailbox_remotes (mailbox_id, workspace_id, connection_id, mark, state, state_changed_at,
      next_attempt_at, created_at, updated_at)
    select mailboxes.id, mailboxes.workspace_id, connections.id, mailboxes.id::text, 'requested', ${now}::timestamptz,
      case when mailboxes.state = 'provisioning' then ${now}::timestamptz end, ${now}::timestamptz, ${now}::timestamptz
    from mailboxes join service_connections as connections on connections.id = any(${ids}::uuid[])
      and connections.workspace_id = mailboxes.workspace_id and connections.service = mailboxes.service
    where mailboxes.id = any(${mailboxIds}::uuid[])
    returning connection_id`.execute(tx)
  if (rows.length < mailboxIds.length) throw new Refusal('service_unavailable')
  await wakeConnections(
    tx,
    rows.map((row) => row.connection_id),
  )
}

async function noteChange(
  platform: Platform,
  tx: Tx,
  mailboxIds: readonly string[],
  change: EngineChange,
): Promise<void> {
  const now = platform.clock.now()
  const begins = change === 'state' ? beginsAnew : sql<boolean>`false`
  // What waits for its turn for the first time begins to wait now, whenever it was asked for.
  const { rows } = await sql<{ connection_id: string }>`
    update mailbox_remotes set
      changed = array(select distinct unnest(changed || ${change}::text)),
      revision = revision + 1, attempts = 0, next_attempt_at = ${now}, updated_at = ${now},
      state = case when ${begins} then ${stateAnew} else state end,
      is_late = is_late and not ${begins},
      state_changed_at = case when ${begins} or state = 'requested' and next_attempt_at is null
        then ${now} else state_changed_at end
    where mailbox_id = any(${mailboxIds}::uuid[])
    returning connection_id`.execute(tx)
  await wakeConnections(
    tx,
    rows.map((row) => row.connection_id),
  )
}

/** What was given up is tried from where it was left when the mailbox is wanted there: made, found, or restored. */
const beginsAnew = sql<boolean>`(state = 'failed' and exists (
  select 1 from mailboxes where mailboxes.id = mailbox_id and mailboxes.state in ('provisioning', 'active', 'suspended')))`
const stateAnew = sql<RemoteState>`case when remote_id is null then 'requested'
  when observed ->> 'state' = 'deleted' then 'deleted' else 'propagating' end`
