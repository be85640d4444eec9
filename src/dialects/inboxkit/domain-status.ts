/** How domains stand, in this API's words: their state, what DNS shows of them, and their renewal. */
import type { StoredCheck } from '../../domains/checks/store.ts'
import type { DomainState } from '../../domains/lifecycle.ts'
import { isSandboxName } from '../../domains/names.ts'
import { wantedDnsMode } from '../../domains/nameservers.ts'
import type { LatestOrders } from '../../domains/orders/store.ts'
import type { Domain } from '../../domains/tables.ts'

export const domainStatuses = [
  'cart',
  'registration_in_progress',
  'dns_setup_pending',
  'waiting_for_dns_propagation',
  'expired_propagation',
  'active',
  'inactive',
  'payment_failed',
  'scheduled_for_deletion',
  'cancelled',
  'deleted',
] as const
export type DomainStatus = (typeof domainStatuses)[number]

export const statusByState: Readonly<Record<DomainState, DomainStatus>> = {
  pending_payment: 'cart',
  registering: 'registration_in_progress',
  pending_nameservers: 'waiting_for_dns_propagation',
  pending_records: 'waiting_for_dns_propagation',
  active: 'active',
  suspended: 'inactive',
  expired: 'cancelled',
  failed: 'inactive',
  deletion_scheduled: 'scheduled_for_deletion',
  deleted: 'deleted',
}

/** A domain and what is known of it. */
export type Known = {
  domain: Domain
  /** Null: it was not looked at, as a sandbox never is. */
  check: StoredCheck | null
  orders?: LatestOrders | undefined
}

export function statusOf({ domain: { state, name }, check, orders }: Known): DomainStatus {
  if (state === 'failed' && orders?.register?.failure_code === 'unpaid') return 'payment_failed'
  const isWaiting = state === 'pending_nameservers' || state === 'pending_records'
  // Nobody looks at it any more unless someone asks: it has waited too long (checks/policy.ts).
  if (isWaiting && !isSandboxName(name) && check !== null && check.due_at === null) {
    return 'expired_propagation'
  }
  return statusByState[state]
}

/**
 * Whether the delegation is as it should be. Where this platform is not to answer for the domain there is nothing to
 * match, and that the domain is active says as much.
 */
export function matchStatusOf({ domain, check }: Known): 'matched' | 'pending' {
  const matches =
    isSandboxName(domain.name) || wantedDnsMode(domain) !== 'served'
      ? domain.state === 'active'
      : check?.delegation?.state === 'ours'
  return matches ? 'matched' : 'pending'
}

export const propagationStatuses = ['pending', 'waiting', 'propagated', 'failed', 'errored'] as const
export type PropagationStatus = (typeof propagationStatuses)[number]

/** Whether the records that the domain needs were seen, as they were when they were last asked for. */
export function propagationOf(known: Known): PropagationStatus {
  const { domain, check } = known
  if (isSandboxName(domain.name)) return domain.state === 'active' ? 'propagated' : 'pending'
  if (check === null || check.checked_at === null) return 'pending'
  if (statusOf(known) === 'expired_propagation') return 'failed'
  const required = check.records.filter(({ level }) => level === 'required').map(({ status }) => status)
  if (required.length > 0 && required.every((status) => status === 'valid')) return 'propagated'
  return required.includes('unanswered') ? 'errored' : 'waiting'
}

export const renewalStatuses = ['na', 'pending', 'completed', 'failed'] as const
export type RenewalStatus = (typeof renewalStatuses)[number]

/** What became of the newest renewal that was ordered. */
export function renewalStatusOf(orders: LatestOrders | undefined): RenewalStatus {
  const state = orders?.renew?.state
  if (state === undefined) return 'na'
  return state === 'done' ? 'completed' : state === 'failed' ? 'failed' : 'pending'
}
