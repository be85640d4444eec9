/** Mailboxes that were made before their domain was active: they are served from the moment that it is. */
import { type RawBuilder, sql } from 'kysely'
import type { LookHooks } from '../domains/checks/settle.ts'
import { addReconcileJobs } from '../domains/dns-hosts/jobs.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { mayMoveMailbox } from './lifecycle.ts'
import { beginPeriods } from './period-changes.ts'
import { type MovedMailbox, tellMoves } from './state-moves.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.activate_waiting': { domain_id: string }
  }
}

/** For whoever makes a domain active: a job that makes its waiting mailboxes so. */
export async function addActivation(tx: Tx, domainId: string): Promise<void> {
  await addJob(
    tx,
    'mailbox.activate_waiting',
    { domain_id: domainId },
    { key: `mailbox.activate_waiting:${domainId}` },
  )
}

/** What a look at a domain leads to on this floor. */
export const lookHooks: LookHooks = {
  onActive: addActivation,
  onDrift: (tx, domainId) => addReconcileJobs(tx, [domainId]),
}

const mailboxesPerTransaction = 1000

/**
 * Makes the mailboxes of an active domain active that wait for it: they have had their folders since they were made.
 * Those of a service elsewhere are now asked for there.
 */
export async function activateWaitingMailboxes(platform: Platform, domainId: string): Promise<void> {
  if (!mayMoveMailbox('waiting_domain', 'active')) throw new Error('a waiting mailbox cannot become active')
  // First those that a restore would bring back to waiting: one that is restored just now waits after this.
  await sql`update mailboxes set state_before_deletion = ${stateAfterWait}
    where domain_id = ${domainId}::uuid and state = 'deletion_scheduled'
      and state_before_deletion = 'waiting_domain' and ${domainIsActive(domainId)}`.execute(platform.db)
  for (;;) {
    const count = await transaction(platform.db, (tx) => activateSome(platform, tx, domainId))
    if (count < mailboxesPerTransaction) return
  }
}

async function activateSome(platform: Platform, tx: Tx, domainId: string): Promise<number> {
  return await endWait(
    platform,
    tx,
    sql`select id from mailboxes where domain_id = ${domainId}::uuid and state = 'waiting_domain'
      and ${domainIsActive(domainId)} order by id limit ${mailboxesPerTransaction} for update`,
  )
}

/**
 * For a service elsewhere the domain need not point its mail here: that it is the workspace's is enough, as its ownership
 * record shows. The tenant has to have verified it too, which the service itself insists on.
 */
export async function startWaitingElsewhere(platform: Platform): Promise<void> {
  const chosen = sql`
    select mailboxes.id from mailboxes join domains on domains.id = domain_id
      join domain_checks on domain_checks.domain_id = domains.id
    where mailboxes.state = 'waiting_domain' and service <> 'local'
      and (domains.state = 'active' or domains.state in ('pending_nameservers', 'pending_records') and exists (
        select 1 from jsonb_array_elements(domain_checks.records) as record
        where record ->> 'purpose' = 'ownership' and record ->> 'status' = 'valid'))
    order by mailboxes.id limit ${mailboxesPerTransaction} for update of mailboxes`
  for (;;) {
    const count = await transaction(platform.db, (tx) => endWait(platform, tx, chosen))
    if (count < mailboxesPerTransaction) return
  }
}

const stateAfterWait = sql`case when service = 'local' then 'active' else 'provisioning' end`

async function endWait(platform: Platform, tx: Tx, chosen: RawBuilder<unknown>): Promise<number> {
  const now = platform.clock.now()
  const { rows } = await sql<MovedMailbox>`
    update mailboxes set state = ${stateAfterWait}, version = version + 1, state_changed_at = ${now}, updated_at = ${now}
    where id in (${chosen})
    returning id, organization_id, workspace_id, address, batch_id, service, 'waiting_domain' as "from",
      state as "to"`.execute(tx)
  await beginPeriods(
    platform,
    tx,
    rows.filter(({ to }) => to === 'active').map(({ id }) => id),
  )
  await tellMoves(platform, tx, rows)
  return rows.length
}

function domainIsActive(domainId: string) {
  return sql<boolean>`exists (select 1 from domains where id = ${domainId}::uuid and state = 'active')`
}
