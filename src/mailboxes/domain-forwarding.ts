/** A domain's forwarding: one address that gets a copy of what comes to the mailboxes of the domain. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type Domain, lockDomain } from '../domains/domains.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { type Migrations, sqlMigration } from '../platform/migrations.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Mailbox } from './tables.ts'
import { requireTargets } from './targets.ts'

/** Only mailboxes of that workspace forward: a shared domain has those of others, too. */
export type DomainForwardsTable = {
  domain_id: string
  workspace_id: string
  target: string
  created_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    domain_forwards: DomainForwardsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.forwarding_changed': { domain_id: string; name: string; target: string | null }
  }
}

export const domainForwardsMigrations: Migrations = {
  '0066_domain_forwards': sqlMigration(
    `create table domain_forwards (
      domain_id uuid primary key references domains on delete cascade,
      workspace_id uuid not null references workspaces on delete cascade,
      target text not null,
      created_at timestamptz not null
    )`,
    'create index domain_forwards_target on domain_forwards (target)',
  ),
}

/**
 * Sets where copies go instead of what was set before, also for mailboxes to come. The mailboxes keep their mail, and
 * their own forwarding stays as it is.
 * @param target null: nowhere.
 * @returns it as it is kept.
 * @throws Refusal domain_not_found, forward_target_invalid, forbidden.
 */
export async function putDomainForwarding(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  target: string | null,
): Promise<string | null> {
  requireWorkspace(scope)
  const domain = await lockDomain(platform, tx, scope, ref)
  const before = await tx
    .deleteFrom('domain_forwards')
    .where('domain_id', '=', domain.id)
    .returning('target')
    .executeTakeFirst()
  const [checked = null] =
    target === null ? [] : await requireTargets(platform, tx, placeOf(domain), [target])
  if (checked !== null) {
    const row = { domain_id: domain.id, workspace_id: domain.workspace_id, target: checked }
    await tx
      .insertInto('domain_forwards')
      .values({ ...row, created_at: platform.clock.now() })
      .execute()
  }
  if (checked === (before?.target ?? null)) return checked
  await appendEvents(platform, tx, [
    {
      type: 'domain.forwarding_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name, target: checked },
    },
  ])
  return checked
}

/** Where the copies of each of these domains go; one that has no forwarding has no entry. */
export async function forwardingOfDomains(
  db: Db,
  domainIds: readonly string[],
): Promise<Map<string, string>> {
  if (domainIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('domain_forwards')
    .select(['domain_id', 'target'])
    .where(sql<boolean>`domain_id = any(${uuidArray(domainIds)})`)
    .execute()
  return new Map(rows.map(({ domain_id, target }) => [domain_id, target]))
}

/** Puts a mailbox's new address where its old one was a target. */
export async function retargetDomainForwards(
  platform: Platform,
  tx: Tx,
  { workspace_id: workspaceId, organization_id: organizationId, address }: Owned,
  from: string,
): Promise<void> {
  const { rows } = await sql<{ id: string; name: string }>`update domain_forwards set target = ${address}
    from domains where domains.id = domain_id and target = ${from} and domain_forwards.workspace_id = ${workspaceId}::uuid
    returning domains.id, domains.name`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map(({ id, name }) => ({
      type: 'domain.forwarding_changed' as const,
      organizationId,
      workspaceId,
      data: { domain_id: id, name, target: address },
    })),
  )
}

type Owned = Pick<Mailbox, 'workspace_id' | 'organization_id' | 'address'>

/** The whole domain forwards: no address of its own is the one that does. */
function placeOf({ name, workspace_id: workspaceId }: Domain) {
  return { address: `@${name}`, domain: name, workspaceId }
}
