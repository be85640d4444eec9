/** Whether a workspace's domains are renewed by themselves: its default for those to come, and all at once. */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { type Migrations, sqlMigration } from '../platform/migrations.ts'
import type { Platform } from '../platform/platform.ts'
import './orders/tables.ts'
import './tables.ts'

export type WorkspaceDomainSettingsTable = { workspace_id: string; auto_renew: boolean; updated_at: Date }

declare module '../platform/database.ts' {
  interface Tables {
    workspace_domain_settings: WorkspaceDomainSettingsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** `domains` is how many that are there were switched, too. */
    'workspace.auto_renew_changed': { auto_renew: boolean; domains: number }
  }
}

export const autoRenewMigrations: Migrations = {
  '0067_workspace_domain_settings': sqlMigration(
    `create table workspace_domain_settings (
      workspace_id uuid primary key references workspaces on delete cascade,
      auto_renew boolean not null,
      updated_at timestamptz not null
    )`,
  ),
}

/** Whether domains that are registered for a workspace are to be renewed by themselves; null: it has not said. */
export async function domainAutoRenewDefault(db: Db, workspaceId: string): Promise<boolean | null> {
  const row = await db
    .selectFrom('workspace_domain_settings')
    .select('auto_renew')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return row?.auto_renew ?? null
}

/**
 * Says so for domains to come, and switches every registration of the workspace. What a renewal may cost stays.
 * @returns how many were switched.
 * @throws Refusal workspace_not_found, forbidden.
 */
export async function setDomainAutoRenewDefault(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  on: boolean,
): Promise<number> {
  requireWrite(scope)
  requireWorkspace(scope)
  const { organizationId, workspaceId } = scope
  await holdWorkspace(tx, organizationId, workspaceId)
  const now = platform.clock.now()
  const row = { workspace_id: workspaceId, auto_renew: on, updated_at: now }
  await tx
    .insertInto('workspace_domain_settings')
    .values(row)
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(row))
    .execute()
  const switched = await switchRegistrations(tx, scope, on, now)
  const events: NewEvent[] = switched.map(({ id, name, expires_at: expiresAt }) => ({
    type: 'domain.registration_changed',
    organizationId,
    workspaceId,
    data: { domain_id: id, name, expires_at: expiresAt?.toISOString() ?? null, auto_renew: on },
  }))
  const data = { auto_renew: on, domains: switched.length }
  events.push({ type: 'workspace.auto_renew_changed', organizationId, workspaceId, data })
  await appendEvents(platform, tx, events)
  return switched.length
}

type Switched = { id: string; name: string; expires_at: Date | null }

/** Their domains are locked in the order of their ids, as whoever changes several of them does. */
async function switchRegistrations(
  tx: Tx,
  { organizationId, workspaceId }: Scope,
  on: boolean,
  now: Date,
): Promise<Switched[]> {
  const { rows } = await sql<Switched>`
    with held as materialized (
      select id, name from domains
      where organization_id = ${organizationId} and workspace_id = ${workspaceId} and state <> 'deleted'
        and exists (select from domain_registrations where domain_id = domains.id)
      order by id for update
    )
    update domain_registrations set auto_renew = ${on}, updated_at = ${now}
    from held where domain_id = held.id and auto_renew <> ${on}
    returning held.id, held.name, expires_at`.execute(tx)
  return rows
}
