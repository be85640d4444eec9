/**
 * Limits as data: how many mailboxes a domain or a workspace may have, of one service or of all. The operator sets them
 * for an organization, and an organization for its own workspaces; of all that apply the smallest counts, so that what an
 * organization sets only makes its room smaller. room.ts counts by them.
 */
import { type Selectable, sql } from 'kysely'
import { isOfOperator } from '../accounts/operator.ts'
import { type Principal, requireOrganization, requireWrite } from '../accounts/principals.ts'
import type { Product } from '../domains/products.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import type { Service } from './tables.ts'

export type MailboxLimitsTable = {
  id: string
  organization_id: string
  /** Null: every workspace of the organization, each by itself. */
  workspace_id: string | null
  /** Null: every domain, each by itself. */
  domain_id: string | null
  /** Null: mailboxes of all services together. */
  service: Service | null
  /** Null: mailboxes that were asked for as any product, or as none. */
  product: Product | null
  per: LimitPer
  set_by: 'operator' | 'organization'
  mailboxes_max: number
  created_at: Date
  updated_at: Date
}

/** What has so many mailboxes at most. */
export type LimitPer = 'domain' | 'workspace'

export type MailboxLimit = Selectable<MailboxLimitsTable>

declare module '../platform/database.ts' {
  interface Tables {
    mailbox_limits: MailboxLimitsTable
  }
}

type LimitEvent = {
  mailbox_limit_id: string
  workspace_id: string | null
  domain_id: string | null
  service: Service | null
  product: Product | null
  per: LimitPer
  mailboxes_max: number
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox_limit.changed': LimitEvent
    'mailbox_limit.deleted': LimitEvent
  }
}

export type WantedLimit = {
  /** Null: the caller's own. */
  organizationId: string | null
  workspaceId: string | null
  domainId: string | null
  service: Service | null
  product: Product | null
  per: LimitPer
  mailboxesMax: number
}

/** Of one organization, and of who sets them. */
const limitsMax = 1000

/**
 * The limits that the caller may see, oldest first: its organization's, or those for its workspace.
 * @param organizationId another organization's, for the operator.
 * @throws Refusal forbidden.
 */
export async function listLimits(
  platform: Platform,
  principal: Principal,
  organizationId: string | null,
  page: PageRequest,
): Promise<Page<MailboxLimit>> {
  const visible = await visibleLimits(platform.db, principal)
  const rows = await visible
    .where('organization_id', '=', organizationId ?? principal.organizationId)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * Sets a limit, or changes the one that is there for the same. Mailboxes that there are stay, also above it.
 * @throws Refusal invalid_request, workspace_not_found, domain_not_found, too_many_mailbox_limits, forbidden.
 */
export async function putLimit(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  wanted: WantedLimit,
): Promise<MailboxLimit> {
  requireWrite(principal)
  requireOrganization(principal)
  const isOperator = await isOfOperator(tx, principal)
  const organizationId = wanted.organizationId ?? principal.organizationId
  if (organizationId !== principal.organizationId && !isOperator) {
    throw new Refusal('forbidden', 'Only the operator may limit another organization.')
  }
  await requireSubject(tx, organizationId, wanted)
  const setBy = isOperator ? ('operator' as const) : ('organization' as const)
  await requireLimitRoom(tx, organizationId, setBy, wanted)
  const now = platform.clock.now()
  const limit = await tx
    .insertInto('mailbox_limits')
    .values({
      id: newId(),
      organization_id: organizationId,
      workspace_id: wanted.workspaceId,
      domain_id: wanted.domainId,
      service: wanted.service,
      product: wanted.product,
      per: wanted.per,
      set_by: setBy,
      mailboxes_max: wanted.mailboxesMax,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'workspace_id', 'domain_id', 'service', 'product', 'per', 'set_by'])
        .doUpdateSet({ mailboxes_max: wanted.mailboxesMax, updated_at: now }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, limit, 'mailbox_limit.changed')
  return limit
}

/** What the limit is for must be there, and be the organization's. */
async function requireSubject(tx: Tx, organizationId: string, wanted: WantedLimit): Promise<void> {
  const { workspaceId, domainId, per } = wanted
  if (domainId !== null && (workspaceId !== null || per !== 'domain')) {
    throw new Refusal('invalid_request', 'A limit of one domain is per domain, and names no workspace.')
  }
  const subjects = [
    { table: 'organizations', id: organizationId, living: sql`true`, missing: 'invalid_request' },
    { table: 'workspaces', id: workspaceId, living: sql`deleted_at is null`, missing: 'workspace_not_found' },
    { table: 'domains', id: domainId, living: sql`state <> 'deleted'`, missing: 'domain_not_found' },
  ] as const
  for (const { table, id, living, missing } of subjects) {
    if (id === null) continue
    const column = table === 'organizations' ? 'id' : 'organization_id'
    const { rows } = isId(id)
      ? await sql`select 1 from ${sql.table(table)} where id = ${id}::uuid
          and ${sql.ref(column)} = ${organizationId}::uuid and ${living} for key share`.execute(tx)
      : { rows: [] }
    if (rows.length > 0) continue
    throw new Refusal(missing, table === 'organizations' ? 'There is no such organization.' : undefined)
  }
}

/** The one that would be changed needs none. */
async function requireLimitRoom(
  tx: Tx,
  organizationId: string,
  setBy: MailboxLimit['set_by'],
  { workspaceId, domainId, service, product, per }: WantedLimit,
): Promise<void> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from mailbox_limits
    where organization_id = ${organizationId}::uuid and set_by = ${setBy}
      and (workspace_id, domain_id, service, product, per) is distinct from
        (${workspaceId}::uuid, ${domainId}::uuid, ${service}::text, ${product}::text, ${per}::text)`.execute(
    tx,
  )
  if ((rows[0]?.count ?? 0) >= limitsMax) throw new Refusal('too_many_mailbox_limits')
}

/** @throws Refusal mailbox_limit_not_found, forbidden. */
export async function deleteLimit(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
): Promise<void> {
  const visible = await visibleLimits(tx, principal)
  const limit = isId(id) ? await visible.where('id', '=', id).forUpdate().executeTakeFirst() : undefined
  if (!limit) throw new Refusal('mailbox_limit_not_found')
  requireWrite(principal)
  requireOrganization(principal)
  if (limit.set_by === 'operator' && !(await isOfOperator(tx, principal))) {
    throw new Refusal('forbidden', 'The operator has set this limit.')
  }
  await tx.deleteFrom('mailbox_limits').where('id', '=', limit.id).execute()
  await tell(platform, tx, limit, 'mailbox_limit.deleted')
}

/** A key of the operator's organization sees those of all; one of a workspace sees those that hold there. */
async function visibleLimits(db: Db, principal: Principal) {
  if (principal.mailboxId !== null) throw new Refusal('forbidden', 'This key is bound to one mailbox.')
  const { organizationId, workspaceId } = principal
  const seesAll = workspaceId === null && (await isOfOperator(db, principal))
  return db
    .selectFrom('mailbox_limits')
    .selectAll()
    .$if(!seesAll, (query) => query.where('organization_id', '=', organizationId))
    .$if(workspaceId !== null, (query) =>
      query.where(sql<boolean>`(workspace_id is null or workspace_id = ${workspaceId}::uuid)
        and (domain_id is null or domain_id in (select id from domains where workspace_id = ${workspaceId}::uuid))`),
    )
}

async function tell(
  platform: Platform,
  tx: Tx,
  limit: MailboxLimit,
  type: 'mailbox_limit.changed' | 'mailbox_limit.deleted',
): Promise<void> {
  const { workspace_id, domain_id, service, product, per, mailboxes_max } = limit
  const data = { mailbox_limit_id: limit.id, workspace_id, domain_id, service, product, per, mailboxes_max }
  await appendEvents(platform, tx, [
    { type, organizationId: limit.organization_id, workspaceId: workspace_id, data },
  ])
}
