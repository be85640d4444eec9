/** The states of a domain (DESIGN section 4) and the moves between them. */

export const domainStates = [
  'pending_payment',
  'registering',
  'pending_nameservers',
  'pending_records',
  'active',
  'suspended',
  'expired',
  'failed',
  'deletion_scheduled',
  'deleted',
] as const

export type DomainState = (typeof domainStates)[number]

/** From each state, where a domain may go. Everything else is refused. */
export const domainMoves: Readonly<Record<DomainState, readonly DomainState[]>> = {
  pending_payment: ['registering', 'failed', 'deleted'],
  registering: ['pending_nameservers', 'pending_records', 'active', 'failed'],
  pending_nameservers: ['pending_records', 'active', 'failed', 'deletion_scheduled', 'deleted'],
  pending_records: ['pending_nameservers', 'active', 'failed', 'deletion_scheduled', 'deleted'],
  active: ['pending_nameservers', 'pending_records', 'suspended', 'expired', 'deletion_scheduled', 'deleted'],
  suspended: ['active', 'expired', 'deletion_scheduled', 'deleted'],
  expired: ['active', 'deletion_scheduled', 'deleted'],
  failed: ['pending_payment', 'registering', 'pending_nameservers', 'pending_records', 'deleted'],
  deletion_scheduled: ['pending_nameservers', 'pending_records', 'active', 'suspended', 'expired', 'deleted'],
  deleted: [],
}

export function mayMoveDomain(from: DomainState, to: DomainState): boolean {
  return domainMoves[from].includes(to)
}

/**
 * What a mailbox made on a domain in this state does: it is served at once, it waits for the domain, or
 * it cannot be made.
 */
export function mailboxesOn(state: DomainState): 'served' | 'waiting' | 'refused' {
  switch (state) {
    case 'active':
      return 'served'
    case 'pending_payment':
    case 'registering':
    case 'pending_nameservers':
    case 'pending_records':
      return 'waiting'
    case 'suspended':
    case 'expired':
    case 'failed':
    case 'deletion_scheduled':
    case 'deleted':
      return 'refused'
  }
}

/** Whether the owners of its mailboxes may log in. Where its registration has ended they still get at their mail. */
export function allowsLogin(state: DomainState): boolean {
  return allowsSending(state) || state === 'expired'
}

/** Whether its mailboxes may send. A domain that is active and then loses its records is still its workspace's. */
export function allowsSending(state: DomainState): boolean {
  return state === 'active' || state === 'pending_nameservers' || state === 'pending_records'
}
