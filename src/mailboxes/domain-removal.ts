/** Removing a domain with what is in it: mailboxes are deleted and restored with their domain, in sets. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { type Domain, endDomain, lockDomain, moveDomain } from '../domains/domains.ts'
import { findRemovable, lockRemovable, restoreDomain, scheduleRemoval } from '../domains/removal.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { addActivation } from './domain-activation.ts'
import './domain-forwarding.ts'
import { restorableUntil, restoredState, tellEngines } from './engines.ts'
import { payRestored } from './payment/restores.ts'
import { type MovedMailbox, tellMoves } from './state-moves.ts'
import type { Service } from './tables.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'domains.remove_due': Record<string, never>
    'domains.delete_mailboxes': { domain_id: string }
    'domains.restore_mailboxes': { domain_id: string }
  }
}

/** withMailboxes: they are deleted with it. now: at once and for good, which only an empty domain can be. */
export type RemovalOptions = { withMailboxes?: boolean; now?: boolean }

/**
 * @param ref the id or the name.
 * @returns the domain while it can be restored; null when it is gone.
 * @throws Refusal domain_not_found, domain_not_empty, domain_state_conflict, forbidden.
 */
export async function removeDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { withMailboxes = false, now = false }: RemovalOptions = {},
): Promise<Domain | null> {
  const domain = await lockDomain(platform, tx, scope, ref)
  const hasMailboxes = !(await hasNoMailboxes(tx, domain.id))
  if (hasMailboxes) await requireNoOthers(tx, domain)
  if (hasMailboxes && (now || (!withMailboxes && domain.state !== 'deletion_scheduled'))) {
    throw new Refusal('domain_not_empty')
  }
  const scheduled = await scheduleRemoval(platform, tx, domain, { now, hasMailboxes })
  if (scheduled === null) await removeAddresses(platform, tx, domain.id)
  else if (hasMailboxes) await continueDeletion(platform, tx, domain.id)
  return scheduled
}

/** A shared domain stays as long as other workspaces have mailboxes in it. @throws Refusal domain_not_empty. */
async function requireNoOthers(tx: Tx, domain: Domain): Promise<void> {
  const other = await tx
    .selectFrom('mailboxes')
    .select('id')
    .where('domain_id', '=', domain.id)
    .where('workspace_id', '<>', domain.workspace_id)
    .where('state', '<>', 'deleted')
    .limit(1)
    .executeTakeFirst()
  if (other) throw new Refusal('domain_not_empty', `Other workspaces have mailboxes in ${domain.name}.`)
}

/** What becomes of a new domain that nobody paid for: without mailboxes it goes, and its name is free. */
export async function removeUnpaid(platform: Platform, tx: Tx, domain: Domain): Promise<void> {
  if (!(await hasNoMailboxes(tx, domain.id))) return await moveDomain(platform, tx, domain, 'failed')
  await endDomain(platform, tx, domain)
  await removeAddresses(platform, tx, domain.id)
}

/** Asked with the row locked. */
export async function hasNoMailboxes(tx: Tx, domainId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('mailboxes')
    .select('id')
    .where('domain_id', '=', domainId)
    .where('state', '<>', 'deleted')
    .limit(1)
    .executeTakeFirst()
  return row === undefined
}

/** Aliases of other domains' mailboxes, forwards and catch-alls go with their domain: its name may be connected anew. */
async function removeAddresses(platform: Platform, tx: Tx, domainId: string): Promise<void> {
  const { rows } = await sql<{ id: string; service: Service }>`
    with gone as (delete from addresses where domain_id = ${domainId}::uuid returning kind, mailbox_id)
    select id, service from mailboxes
    where service <> 'local' and id in (select mailbox_id from gone where kind = 'alias')`.execute(tx)
  await tellEngines(platform, tx, rows, 'aliases')
  await tx.deleteFrom('mailbox_limits').where('domain_id', '=', domainId).execute()
  await tx.deleteFrom('domain_forwards').where('domain_id', '=', domainId).execute()
  await tx
    .deleteFrom('domain_aliases')
    .where((where) => where.or([where('domain_id', '=', domainId), where('of_domain_id', '=', domainId)]))
    .execute()
}

const mailboxesPerTransaction = 1000

/** The first mailboxes in this transaction, the rest by a job. */
async function continueDeletion(platform: Platform, tx: Tx, domainId: string): Promise<void> {
  if ((await deleteSome(platform, tx, domainId)) < mailboxesPerTransaction) return
  await addJob(tx, 'domains.delete_mailboxes', { domain_id: domainId })
}

/** Deletes the mailboxes of a domain that is being removed. */
export async function deleteMailboxesOf(platform: Platform, domainId: string): Promise<void> {
  for (;;) {
    const count = await transaction(platform.db, (tx) => deleteSome(platform, tx, domainId))
    if (count < mailboxesPerTransaction) return
  }
}

/** Those that were deleted before keep their own day. */
async function deleteSome(platform: Platform, tx: Tx, domainId: string): Promise<number> {
  const now = platform.clock.now()
  const { rows } = await sql<MovedMailbox>`
    with domain as (
      select id, delete_after from domains where id = ${domainId}::uuid and state = 'deletion_scheduled' for share
    ), chosen as (
      select mailboxes.id, mailboxes.state, domain.delete_after from mailboxes join domain on domain.id = domain_id
      where mailboxes.state not in ('deleted', 'deletion_scheduled')
      order by mailboxes.id limit ${mailboxesPerTransaction} for update of mailboxes
    )
    update mailboxes set state = 'deletion_scheduled', state_before_deletion = chosen.state,
      purge_at = least(chosen.delete_after, ${restorableUntil(platform, now)}),
      deleted_with_domain = true,
      version = version + 1, state_changed_at = ${now}, updated_at = ${now}
    from chosen where chosen.id = mailboxes.id
    returning mailboxes.id, organization_id, workspace_id, address, batch_id, service, chosen.state as "from",
      mailboxes.state as "to"`.execute(tx)
  await tellMoves(platform, tx, rows)
  return rows.length
}

/** @throws Refusal domain_not_found, domain_state_conflict, forbidden. */
export async function restoreDomainWithMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Domain> {
  return await restoreDomain(platform, tx, scope, ref, async (inTx, domainId) => {
    if ((await restoreSome(platform, inTx, domainId)) === mailboxesPerTransaction) {
      await addJob(inTx, 'domains.restore_mailboxes', { domain_id: domainId })
    }
    await addActivation(inTx, domainId)
  })
}

/** Brings back what was deleted with its domain. */
export async function restoreMailboxesOf(platform: Platform, domainId: string): Promise<void> {
  for (;;) {
    const count = await transaction(platform.db, (tx) => restoreSome(platform, tx, domainId))
    if (count < mailboxesPerTransaction) return
  }
}

async function restoreSome(platform: Platform, tx: Tx, domainId: string): Promise<number> {
  const now = platform.clock.now()
  const { rows: chosen } = await sql<{ id: string }>`
    with domain as (
      select id from domains where id = ${domainId}::uuid and state not in ('deleted', 'deletion_scheduled') for share
    )
    select mailboxes.id from mailboxes join domain on domain.id = domain_id
    where mailboxes.state = 'deletion_scheduled' and deleted_with_domain
    order by mailboxes.id limit ${mailboxesPerTransaction} for update of mailboxes`.execute(tx)
  const ids = chosen.map(({ id }) => id)
  await payRestored(platform, tx, ids, now)
  const { rows } = await sql<MovedMailbox>`
    update mailboxes set state = ${restoredState}, state_before_deletion = null, purge_at = null,
      deleted_with_domain = false, version = version + 1, state_changed_at = ${now}, updated_at = ${now}
    where id = any(${uuidArray(ids)})
    returning mailboxes.id, organization_id, workspace_id, address, batch_id, service, 'deletion_scheduled' as "from",
      mailboxes.state as "to"`.execute(tx)
  await tellMoves(platform, tx, rows)
  return rows.length
}

const removedPerRun = 200

/** Removes the domains whose days of grace are over. Their mailboxes go first; what has some left waits for them. */
export async function removeDueDomains(platform: Platform): Promise<void> {
  for (const id of await findRemovable(platform, removedPerRun)) {
    await transaction(platform.db, async (tx) => {
      const domain = await lockRemovable(platform, tx, id)
      if (domain === null) return
      if (!(await hasNoMailboxes(tx, id))) {
        await sql`update mailboxes set purge_at = ${platform.clock.now()}
          where domain_id = ${id}::uuid and state = 'deletion_scheduled' and purge_at > ${platform.clock.now()}`.execute(
          tx,
        )
        return await addJob(tx, 'mailbox.purge_due', {}, { key: 'mailbox.purge_due' })
      }
      await endDomain(platform, tx, domain)
      await removeAddresses(platform, tx, id)
    })
  }
}
