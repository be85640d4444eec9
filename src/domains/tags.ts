/** Tags: names that a workspace sorts its domains by. */

import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import { columnList } from '../platform/column-list.ts'
import { type Db, type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Migrations, sqlMigration } from '../platform/migrations.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

export type DomainTagsTable = {
  id: string
  organization_id: string
  workspace_id: string
  name: string
  /** As its maker wrote it, such as #aa3300; null: none. */
  color: string | null
  created_at: Date
}

export type DomainTag = Selectable<DomainTagsTable>

const tagColumns = columnList<DomainTagsTable>(
  {
    id: true,
    organization_id: true,
    workspace_id: true,
    name: true,
    color: true,
    created_at: true,
  },
  'domain_tags',
)

declare module '../platform/database.ts' {
  interface Tables {
    domain_tags: DomainTagsTable
    domain_taggings: { domain_id: string; tag_id: string }
  }
}

type TagEvent = { domain_tag_id: string; name: string }
type TaggingEvent = { domain_tag_ids: string[]; domain_ids: string[] }

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain_tag.created': TagEvent
    'domain_tag.updated': TagEvent
    'domain_tag.deleted': TagEvent
    'domain_tag.added': TaggingEvent
    'domain_tag.removed': TaggingEvent
  }
}

export const domainTagsMigrations: Migrations = {
  '0062_domain_tags': sqlMigration(
    `create table domain_tags (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      name text not null,
      color text,
      created_at timestamptz not null
    )`,
    'create unique index domain_tags_name on domain_tags (workspace_id, lower(name))',
    `create table domain_taggings (
      domain_id uuid not null references domains on delete cascade,
      tag_id uuid not null references domain_tags on delete cascade,
      primary key (domain_id, tag_id)
    )`,
    'create index domain_taggings_tag on domain_taggings (tag_id, domain_id)',
  ),
}

const tagsPerWorkspaceMax = 500
const tagsPerDomainMax = 50

export type NewTag = { name: string; color: string | null }

/**
 * Makes all of them, or none.
 * @throws Refusal domain_tag_taken, domain_tag_limit_reached, workspace_not_found, forbidden.
 */
export async function createDomainTags(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: readonly NewTag[],
): Promise<DomainTag[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  await requireTagRoom(tx, scope, wanted.length)
  const tags = wanted.map(({ name, color }) => ({
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    name,
    color,
    created_at: platform.clock.now(),
  }))
  if (tags.length === 0) return []
  await tx.insertInto('domain_tags').values(tags).execute().catch(refuseTaken)
  await tell(platform, tx, scope, 'domain_tag.created', tags)
  return tags
}

/** The workspace's, oldest first. @throws Refusal forbidden. */
export async function listDomainTags(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<DomainTag>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal domain_tag_not_found, domain_tag_taken, forbidden. */
export async function updateDomainTag(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  changes: Partial<NewTag>,
): Promise<DomainTag> {
  const before = await lockTag(tx, scope, id)
  const tag = { ...before, ...changes }
  await tx
    .updateTable('domain_tags')
    .set({ name: tag.name, color: tag.color })
    .where('id', '=', tag.id)
    .execute()
    .catch(refuseTaken)
  await tell(platform, tx, scope, 'domain_tag.updated', [tag])
  return tag
}

/** Takes it off all domains, and away. @throws Refusal domain_tag_not_found, forbidden. */
export async function deleteDomainTag(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const tag = await lockTag(tx, scope, id)
  await tx.deleteFrom('domain_tags').where('id', '=', tag.id).execute()
  await tell(platform, tx, scope, 'domain_tag.deleted', [tag])
}

/**
 * Puts each tag on each domain, or takes it off; what is so already stays so.
 * @throws Refusal domain_tag_not_found, domain_not_found, domain_tag_limit_reached, forbidden.
 */
export async function tagDomains(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  action: 'add' | 'remove',
  { tagIds, domainIds }: { tagIds: readonly string[]; domainIds: readonly string[] },
): Promise<void> {
  requireWrite(scope)
  requireWorkspace(scope)
  const tags = await holdTags(tx, scope, [...new Set(tagIds)])
  const domains = await holdDomains(tx, scope, [...new Set(domainIds)])
  if (action === 'add') {
    await sql`insert into domain_taggings (domain_id, tag_id)
      select domain_id, tag_id from unnest(${uuidArray(domains)}) as domain_id, unnest(${uuidArray(tags)}) as tag_id
      on conflict do nothing`.execute(tx)
    await requireRoomOnDomains(tx, domains)
  } else {
    await sql`delete from domain_taggings
      where domain_id = any(${uuidArray(domains)}) and tag_id = any(${uuidArray(tags)})`.execute(tx)
  }
  if (tags.length === 0 || domains.length === 0) return
  await appendEvents(platform, tx, [
    {
      type: action === 'add' ? 'domain_tag.added' : 'domain_tag.removed',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      data: { domain_tag_ids: tags, domain_ids: domains },
    },
  ])
}

/** The tags of each of these domains, by name. Those of other workspaces have none. */
export async function tagsOfDomains(
  db: Db,
  scope: Scope,
  domainIds: readonly string[],
): Promise<Map<string, DomainTag[]>> {
  if (domainIds.length === 0) return new Map()
  const { rows } = await sql<DomainTag & { domain_id: string }>`/* prepared tags_of_domains */
    select ${tagColumns}, domain_id from domain_taggings join domain_tags on domain_tags.id = tag_id
    where domain_id = any(${uuidArray(domainIds)}) and workspace_id = ${scope.workspaceId}::uuid
    order by lower(name)`.execute(db)
  return Map.groupBy(rows, (row) => row.domain_id)
}

function own(db: Db, scope: Scope) {
  return db.selectFrom('domain_tags').selectAll().where('workspace_id', '=', scope.workspaceId)
}

async function lockTag(tx: Tx, scope: Scope, id: string): Promise<DomainTag> {
  requireWrite(scope)
  requireWorkspace(scope)
  const tag = isId(id) ? await own(tx, scope).where('id', '=', id).forUpdate().executeTakeFirst() : undefined
  if (!tag) throw new Refusal('domain_tag_not_found')
  return tag
}

async function holdTags(tx: Tx, scope: Scope, ids: readonly string[]): Promise<string[]> {
  if (!ids.every(isId)) throw new Refusal('domain_tag_not_found')
  const rows = await own(tx, scope)
    .where(sql<boolean>`id = any(${uuidArray(ids)})`)
    .orderBy('id')
    .forShare()
    .execute()
  if (rows.length < ids.length) throw new Refusal('domain_tag_not_found')
  return rows.map(({ id }) => id)
}

async function holdDomains(tx: Tx, scope: Scope, ids: readonly string[]): Promise<string[]> {
  if (!ids.every(isId)) throw new Refusal('domain_not_found')
  const rows = await tx
    .selectFrom('domains')
    .select('id')
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', '<>', 'deleted')
    .where(sql<boolean>`id = any(${uuidArray(ids)})`)
    .orderBy('id')
    .forUpdate()
    .execute()
  if (rows.length < ids.length) throw new Refusal('domain_not_found')
  return rows.map(({ id }) => id)
}

async function requireTagRoom(tx: Tx, scope: Scope, more: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`domain_tags:${scope.workspaceId}`}, 0))`.execute(
    tx,
  )
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from domain_tags
    where workspace_id = ${scope.workspaceId}::uuid`.execute(tx)
  if ((rows[0]?.count ?? 0) + more > tagsPerWorkspaceMax) {
    throw new Refusal('domain_tag_limit_reached', `A workspace may have ${tagsPerWorkspaceMax} tags.`)
  }
}

/** Asked with the domains locked. */
async function requireRoomOnDomains(tx: Tx, domainIds: readonly string[]): Promise<void> {
  const { rows } = await sql`select 1 from domain_taggings where domain_id = any(${uuidArray(domainIds)})
    group by domain_id having count(*) > ${tagsPerDomainMax} limit 1`.execute(tx)
  if (rows.length > 0) {
    throw new Refusal('domain_tag_limit_reached', `A domain may have ${tagsPerDomainMax} tags.`)
  }
}

function refuseTaken(error: unknown): never {
  if (violatedConstraint(error) === 'domain_tags_name') {
    throw new Refusal('domain_tag_taken', undefined, { cause: error })
  }
  throw error
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Scope,
  type: 'domain_tag.created' | 'domain_tag.updated' | 'domain_tag.deleted',
  tags: readonly DomainTag[],
): Promise<void> {
  await appendEvents(
    platform,
    tx,
    tags.map(({ id, name }) => ({ type, organizationId, workspaceId, data: { domain_tag_id: id, name } })),
  )
}
