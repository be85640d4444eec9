/** What this API calls the states of mailboxes and domains. */
import type { DomainState } from '../../domains/lifecycle.ts'
import type { MailboxState } from '../../mailboxes/lifecycle.ts'

export const mailboxStatuses = {
  waiting_payment: 'PENDING',
  waiting_domain: 'PENDING',
  provisioning: 'IN_PROGRESS',
  active: 'ACTIVE',
  suspended: 'SUSPENDED',
  failed: 'FAILED',
  deletion_scheduled: 'INACTIVE',
  deleted: 'INACTIVE',
} as const satisfies Record<MailboxState, string>

/** The set is open: clients take ACTIVE for usable, and wait for what is not. */
export const domainStatuses = {
  pending_payment: 'PENDING',
  registering: 'PENDING',
  pending_nameservers: 'PENDING',
  pending_records: 'PENDING',
  active: 'ACTIVE',
  suspended: 'SUSPENDED',
  expired: 'EXPIRED',
  failed: 'FAILED',
  deletion_scheduled: 'INACTIVE',
  deleted: 'INACTIVE',
} as const satisfies Record<DomainState, string>
