/**
 * Removing a domain: what has something to lose is kept for some days (MAILWRIGHT_DOMAIN_RESTORE_DAYS) and can be brought
 * back, its name stays taken and its zone is still served. What has nothing to lose goes at once.
 */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Domain, endDomain, lockDomain, moveDomain } from './domains.ts'
import { mayMoveDomain } from './lifecycle.ts'
import { isSandboxName, parseDomainName } from './names.ts'
import { endUnpaidOrder } from './orders/unpaid.ts'
import { findRegistration } from './registrations.ts'
import { conflict, type OnMove } from './suspension.ts'

const dayMs = 24 * 3600_000

/**
 * Schedules the removal of a locked domain, or removes it.
 * @param now at once, whatever there is to lose.
 * @returns the domain as it is after that; null when it is gone.
 * @throws Refusal domain_state_conflict.
 */
export async function scheduleRemoval(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  { now, hasMailboxes }: { now: boolean; hasMailboxes: boolean },
): Promise<Domain | null> {
  if (domain.state === 'deletion_scheduled' && !now) {
    throw new Refusal('domain_state_conflict', `${domain.name} is deleted already.`)
  }
  if (!mayMoveDomain(domain.state, 'deleted')) throw conflict(domain)
  await endUnpaidOrder(platform, tx, domain)
  const keeps = !now && mayMoveDomain(domain.state, 'deletion_scheduled')
  if (!keeps || (!hasMailboxes && (await hasNothingToLose(tx, domain)))) {
    await endDomain(platform, tx, domain)
    return null
  }
  const deleteAfter = new Date(platform.clock.now().getTime() + platform.config.domainRestoreDays * dayMs)
  await moveDomain(platform, tx, domain, 'deletion_scheduled')
  return await tx
    .updateTable('domains')
    .set({ state_before_deletion: domain.state, delete_after: deleteAfter })
    .where('id', '=', domain.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** A name that was not bought here, and is a sandbox's or was never active. */
async function hasNothingToLose(tx: Tx, domain: Domain): Promise<boolean> {
  const registration = await findRegistration(tx, domain.id)
  if (registration && registration.registered_at !== null) return false
  const name = parseDomainName(domain.name)
  if (name !== null && isSandboxName(name)) return true
  return domain.activated_at === null && !['active', 'suspended', 'expired'].includes(domain.state)
}

/**
 * Takes a removal back. @throws Refusal domain_not_found, domain_state_conflict unless it is scheduled, forbidden.
 */
export async function restoreDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  onRestored: OnMove,
): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.state !== 'deletion_scheduled' || domain.state_before_deletion === null) {
    throw new Refusal('domain_state_conflict', `${domain.name} is not deleted.`)
  }
  await moveDomain(platform, tx, domain, domain.state_before_deletion)
  await tx
    .updateTable('domains')
    .set({ state_before_deletion: null, delete_after: null })
    .where('id', '=', domain.id)
    .execute()
  await onRestored(tx, domain.id)
  return await lockDomain(platform, tx, scope, domain.id)
}

/** Domains whose days are over. */
export async function findRemovable(platform: Platform, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from domains where state = 'deletion_scheduled' and delete_after <= ${platform.clock.now()}
    order by delete_after limit ${limit}`.execute(platform.db)
  return rows.map(({ id }) => id)
}

/** The same domain, locked; null when it was restored meanwhile. */
export async function lockRemovable(platform: Platform, tx: Tx, id: string): Promise<Domain | null> {
  const found = await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '=', 'deletion_scheduled')
    .where('delete_after', '<=', platform.clock.now())
    .forUpdate()
    .executeTakeFirst()
  return found ?? null
}
