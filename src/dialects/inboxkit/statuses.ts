/** The states of domains and mailboxes in this API's words. */
import type { DomainState } from '../../domains/lifecycle.ts'
import type { MailboxState } from '../../mailboxes/lifecycle.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'

export const domainStatusOf = {
  pending_payment: 'cart',
  registering: 'registration_in_progress',
  pending_nameservers: 'waiting_for_dns_propagation',
  pending_records: 'dns_setup_pending',
  active: 'active',
  suspended: 'inactive',
  expired: 'cancelled',
  failed: 'inactive',
  deletion_scheduled: 'scheduled_for_deletion',
  deleted: 'deleted',
} as const satisfies Record<DomainState, string>

/** Whether the domain's records are seen in public DNS. */
export const propagationOf = {
  pending_payment: 'pending',
  registering: 'pending',
  pending_nameservers: 'waiting',
  pending_records: 'waiting',
  active: 'propagated',
  suspended: 'propagated',
  expired: 'failed',
  failed: 'failed',
  deletion_scheduled: 'propagated',
  deleted: 'failed',
} as const satisfies Record<DomainState, string>

const mailboxStatuses = {
  waiting_payment: 'pending',
  waiting_domain: 'waiting_for_dns_propagation',
  provisioning: 'processing',
  active: 'active',
  suspended: 'suspended',
  failed: 'failed',
  deletion_scheduled: 'cancelled',
  deleted: 'deleted',
} as const satisfies Record<MailboxState, string>

/** @param state the mailbox's, or another that it had. */
export function mailboxStatusOf(
  {
    cancel_at_period_end: isCanceled,
    payment_suspension: suspension,
  }: Pick<Mailbox, 'cancel_at_period_end' | 'payment_suspension'>,
  state: MailboxState,
): string {
  if (isCanceled && state === 'active') return 'scheduled_for_cancellation'
  if (suspension !== null && state === 'suspended') return 'renewal_failed'
  return mailboxStatuses[state]
}
