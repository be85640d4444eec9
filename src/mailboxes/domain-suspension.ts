/** A domain is suspended or resumed, and with it the logins of its mailboxes. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Domain } from '../domains/domains.ts'
import { resumeDomain, suspendDomain } from '../domains/suspension.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { addActivation } from './domain-activation.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'domains.end_logins': { domain_id: string }
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** Whoever is logged in to the mailbox is so no longer. */
    'mailbox.logins_ended': { mailbox_id: string; address: string; reason: 'domain_suspended' }
  }
}

/** @throws Refusal domain_not_found, domain_state_conflict, forbidden. */
export async function suspendDomainWithLogins(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Domain> {
  return await suspendDomain(platform, tx, scope, ref, (inTx, domainId) =>
    addJob(inTx, 'domains.end_logins', { domain_id: domainId }),
  )
}

/** @throws Refusal domain_not_found, domain_state_conflict, forbidden. */
export async function resumeDomainWithMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Domain> {
  return await resumeDomain(platform, tx, scope, ref, addActivation)
}

const mailboxesPerTransaction = 1000

/** Tells every session of a suspended domain's mailboxes to end: who is logged in already asks for nothing. */
export async function endLogins(platform: Platform, domainId: string): Promise<void> {
  for (let after: string | null = null; ; ) {
    const last: string | null = await transaction(platform.db, (tx) => endSome(platform, tx, domainId, after))
    if (last === null) return
    after = last
  }
}

/** @returns the last mailbox that was told of; null when there are no more. */
async function endSome(
  platform: Platform,
  tx: Tx,
  domainId: string,
  after: string | null,
): Promise<string | null> {
  const { rows } = await sql<{ id: string; organization_id: string; workspace_id: string; address: string }>`
    select mailboxes.id, mailboxes.organization_id, mailboxes.workspace_id, address
    from mailboxes join domains on domains.id = domain_id and domains.state = 'suspended'
    where domain_id = ${domainId}::uuid and mailboxes.state = 'active'
      and (${after}::uuid is null or mailboxes.id > ${after}::uuid)
    order by mailboxes.id limit ${mailboxesPerTransaction}`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'mailbox.logins_ended' as const,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      mailboxId: row.id,
      data: { mailbox_id: row.id, address: row.address, reason: 'domain_suspended' as const },
    })),
  )
  return rows.at(-1)?.id ?? null
}
