/**
 * The suppression list: addresses that a workspace does not write to, because they bounced, complained, unsubscribed or
 * someone put them there. Addresses are compared in the canonical form of mailboxes/address.ts.
 */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { parseAddress } from '../../mailboxes/address.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { SuppressionReason, SuppressionsTable } from './tables.ts'

export type Suppression = Selectable<SuppressionsTable>

export type NewSuppression = Pick<Suppression, 'organization_id' | 'workspace_id'> & {
  /** In canonical form. */
  address: string
  reason: SuppressionReason
  detail: string | null
  expiresAt: Date | null
}

/** Why a workspace may not write to an address, or null. */
export async function findSuppression(
  db: Db,
  workspaceId: string,
  address: string,
): Promise<{ reason: string; since: Date } | null> {
  const { rows } = await sql<{ reason: string; created_at: Date }>`/* prepared find_suppression */
    select reason, created_at from suppressions
    where workspace_id = ${workspaceId}::uuid and address = ${canonical(address)}::text
      and (expires_at is null or expires_at > now())`.execute(db)
  const [row] = rows
  return row ? { reason: row.reason, since: row.created_at } : null
}

/** Text of a detail at most. */
export const detailLengthMax = 500

/**
 * Puts addresses on the list. One that is there stays as it is, but that a bounce gives way to what someone wants, and what
 * has expired to anything.
 * @returns the rows that are new or were replaced.
 */
export async function addSuppressions(
  platform: Platform,
  tx: Tx,
  wanted: readonly NewSuppression[],
): Promise<Suppression[]> {
  const once = new Map<string, NewSuppression>()
  for (const one of wanted) {
    const key = `${one.workspace_id} ${one.address}`
    if (!once.has(key)) once.set(key, one)
  }
  if (once.size === 0) return []
  const now = platform.clock.now()
  const records = [...once.values()].map(({ expiresAt, detail, ...one }) => ({
    ...one,
    id: newId(),
    detail: detail === null ? null : printable(detail),
    expires_at: expiresAt,
  }))
  // In one order everywhere, so that two such statements do not wait for each other.
  const { rows } = await sql<Suppression>`
    insert into suppressions as known (id, organization_id, workspace_id, address, reason, detail, created_at, expires_at)
    select id, organization_id, workspace_id, address, reason, detail, ${now}::timestamptz, expires_at
    from json_to_recordset(${JSON.stringify(records)}::json) as new (id uuid, organization_id uuid, workspace_id uuid,
      address text, reason text, detail text, expires_at timestamptz)
    order by workspace_id, address
    on conflict (workspace_id, address) do update
      set id = excluded.id, reason = excluded.reason, detail = excluded.detail, created_at = excluded.created_at,
        expires_at = excluded.expires_at
      where known.expires_at <= ${now}::timestamptz or (known.reason = 'bounce' and excluded.reason <> 'bounce')
    returning *`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'suppression.added' as const,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: {
        suppression_id: row.id,
        address: row.address,
        reason: row.reason,
        expires_at: row.expires_at?.toISOString() ?? null,
      },
    })),
  )
  return rows
}

export type SuppressionFilter = { reason: SuppressionReason | null; search: string | null }

/** A workspace's list, the oldest first. @throws Refusal forbidden for a key of one mailbox. */
export async function listSuppressions(
  platform: Platform,
  scope: Scope,
  { reason, search }: SuppressionFilter,
  page: PageRequest,
): Promise<Page<Suppression>> {
  const rows = await living(platform, platform.db, scope)
    .$if(reason !== null, (query) => query.where(sql<boolean>`reason = ${reason}`))
    .$if(search !== null, (query) =>
      query.where(sql<boolean>`position(${search?.toLowerCase()} in address) > 0`),
    )
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @param ref the id or the address. @throws Refusal suppression_not_found, forbidden. */
export async function getSuppression(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Suppression> {
  const query = living(platform, db, scope)
  const row = await (isId(ref)
    ? query.where('id', '=', ref)
    : query.where('address', '=', canonical(ref))
  ).executeTakeFirst()
  if (!row) throw new Refusal('suppression_not_found')
  return row
}

/** @param ref the id or the address. @throws Refusal suppression_not_found, forbidden. */
export async function removeSuppression(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<void> {
  requireWrite(scope)
  const found = await getSuppression(platform, scope, ref, tx)
  const rows = await tx.deleteFrom('suppressions').where('id', '=', found.id).returningAll().execute()
  await tellRemoved(platform, tx, rows)
}

const expiredPerRun = 5000

/** Removes what has expired. @returns how many. */
export async function deleteExpiredSuppressions(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Suppression>`
      delete from suppressions where id in (
        select id from suppressions where expires_at <= ${platform.clock.now()}::timestamptz
        order by id limit ${expiredPerRun} for update skip locked
      ) returning *`.execute(tx)
    await tellRemoved(platform, tx, rows)
    return rows.length
  })
}

async function tellRemoved(platform: Platform, tx: Tx, rows: readonly Suppression[]): Promise<void> {
  await appendEvents(
    platform,
    tx,
    rows.map(({ id, organization_id, workspace_id, address, reason }) => ({
      type: 'suppression.removed' as const,
      organizationId: organization_id,
      workspaceId: workspace_id,
      data: { suppression_id: id, address, reason },
    })),
  )
}

function living(platform: Platform, db: Db, scope: Scope) {
  requireWorkspace(scope)
  const now = platform.clock.now()
  return db
    .selectFrom('suppressions')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
    .where(sql<boolean>`(expires_at is null or expires_at > ${now}::timestamptz)`)
}

/** The form that addresses are kept in; a text that is no address is on no list. */
function canonical(text: string): string {
  const address = parseAddress(text)
  return address.ok ? address.value.address : text
}

// Neither NUL nor half a surrogate pair can be stored.
function printable(text: string): string {
  return text.replaceAll('\0', ' ').toWellFormed().slice(0, detailLengthMax).toWellFormed()
}
