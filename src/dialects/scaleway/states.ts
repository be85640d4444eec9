/** The states of our objects in this API's words, and the words as filters. */
import type { RecordStatus } from '../../domains/checks/tables.ts'
import { type DomainState, domainStates } from '../../domains/lifecycle.ts'
import type { Standing } from '../../mailboxes/domain-pages.ts'
import { type MailboxState, mailboxStates } from '../../mailboxes/lifecycle.ts'

export const domainStatuses = [
  'unknown_status',
  'creating',
  'waiting_validation',
  'validating',
  'validation_failed',
  'provisioning',
  'ready',
  'deleting',
] as const
export type DomainStatus = (typeof domainStatuses)[number]

export const mailboxStatuses = [
  'unknown_status',
  'creating',
  'waiting_payment',
  'waiting_domain',
  'ready',
  'deletion_scheduled',
  'locked',
  'renewing',
  'deleting',
  'restoring',
  'payment_failed',
] as const
export type MailboxStatus = (typeof mailboxStatuses)[number]

export const aliasStatuses = ['unknown_status', 'provisioning', 'deleting', 'ready'] as const
export type AliasStatus = (typeof aliasStatuses)[number]

export const recordStatuses = ['unknown_status', 'validating', 'valid', 'invalid', 'not_found'] as const

/** A domain that its owner has to see to is `validation_failed`, which clients do not wait for. */
const statusByDomainState: Readonly<Record<DomainState, DomainStatus>> = {
  pending_payment: 'creating',
  registering: 'creating',
  pending_nameservers: 'waiting_validation',
  pending_records: 'waiting_validation',
  active: 'ready',
  suspended: 'validation_failed',
  expired: 'validation_failed',
  failed: 'validation_failed',
  deletion_scheduled: 'deleting',
  deleted: 'deleting',
}

/** Before its keys are made the records of a domain are not all there: it is still being created. */
export function statusOfDomain({ state, has_keys }: Standing): DomainStatus {
  const status = statusByDomainState[state]
  return status === 'waiting_validation' && !has_keys ? 'creating' : status
}

const standings = domainStates.flatMap((state) => [
  { state, has_keys: false },
  { state, has_keys: true },
])

/** What a filter by these words keeps; null: all, where nothing but `unknown_status` is asked for. */
export function standingsOf(statuses: readonly DomainStatus[]): Standing[] | null {
  const wanted = wantedOf(statuses)
  return wanted && standings.filter((standing) => wanted.has(statusOfDomain(standing)))
}

export const statusOfMailbox: Readonly<Record<MailboxState, MailboxStatus>> = {
  waiting_payment: 'waiting_payment',
  waiting_domain: 'waiting_domain',
  provisioning: 'creating',
  active: 'ready',
  suspended: 'locked',
  failed: 'payment_failed',
  deletion_scheduled: 'deletion_scheduled',
  deleted: 'deleting',
}

/** The same for mailboxes. */
export function mailboxStatesOf(statuses: readonly MailboxStatus[]): MailboxState[] | null {
  const wanted = wantedOf(statuses)
  return wanted && mailboxStates.filter((state) => wanted.has(statusOfMailbox[state]))
}

function wantedOf(statuses: readonly string[]): ReadonlySet<string> | null {
  const wanted = new Set(statuses.filter((status) => status !== 'unknown_status'))
  return wanted.size === 0 ? null : wanted
}

/** An alias that is turned off delivers nothing, and has no word of its own here. */
export function statusOfAlias({ enabled }: { enabled: boolean }): AliasStatus {
  return enabled ? 'ready' : 'unknown_status'
}

export const statusOfRecord: Readonly<Record<RecordStatus, (typeof recordStatuses)[number]>> = {
  valid: 'valid',
  missing: 'not_found',
  wrong: 'invalid',
  unanswered: 'unknown_status',
  unchecked: 'unknown_status',
}
