/** What this API calls the states of mailboxes and domains. */
import type { DomainState } from '../../domains/lifecycle.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'

export const mailboxStatuses = [
  'ACTIVE',
  'INACTIVE',
  'IN_PROGRESS',
  'FAILED',
  'PENDING',
  'CREATING',
  'SCHEDULED',
  'SUSPENDED',
  'EXPIRED',
] as const
export type MailboxStatus = (typeof mailboxStatuses)[number]

export type Standing = Pick<Mailbox, 'state' | 'payment_suspension'>

export const statusOfState = {
  waiting_payment: 'PENDING',
  waiting_domain: 'PENDING',
  provisioning: 'IN_PROGRESS',
  active: 'ACTIVE',
  suspended: 'SUSPENDED',
  failed: 'FAILED',
  deletion_scheduled: 'INACTIVE',
  deleted: 'INACTIVE',
} as const satisfies Record<Mailbox['state'], MailboxStatus>

/** What is suspended because it is not paid has expired; the others somebody has suspended. */
export function mailboxStatus({ state, payment_suspension: unpaid }: Standing): MailboxStatus {
  return state === 'suspended' && unpaid !== null ? 'EXPIRED' : statusOfState[state]
}

export const domainStatuses = ['ACTIVE', 'PENDING'] as const
export type DomainStatus = (typeof domainStatuses)[number]

/** Clients take ACTIVE for usable, and wait for what is PENDING; the contract knows no third. */
export const domainStatusOf = {
  pending_payment: 'PENDING',
  registering: 'PENDING',
  pending_nameservers: 'PENDING',
  pending_records: 'PENDING',
  active: 'ACTIVE',
  suspended: 'PENDING',
  expired: 'PENDING',
  failed: 'PENDING',
  deletion_scheduled: 'PENDING',
  deleted: 'PENDING',
} as const satisfies Record<DomainState, DomainStatus>
