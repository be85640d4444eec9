/** The words that this API has for where a mailbox stands, and what ours are in them. */
import type { DomainState } from '../../domains/lifecycle.ts'
import type { Product } from '../../domains/products.ts'
import type { Mailbox, Service } from '../../mailboxes/tables.ts'
import type { Standing } from '../../mailboxes/workspace-pages.ts'
import type { SequencerMailboxState } from '../../sequencers/tables.ts'

/** All that the contract has; ours never is in some of them. */
export const statuses = [
  'pending',
  'scheduled',
  'processing',
  'waiting_for_dns_propagation',
  'waiting_for_activation_email',
  'activation_email_received',
  'configuring_workspace',
  'configuring_dns',
  'configuring_dkim',
  'configuring_auth',
  'finalizing_setup',
  'active',
  'inactive',
  'suspended',
  'failed',
  'renewal_failed',
  'scheduled_for_cancellation',
  'cancelled',
  'archived',
  'deleted',
] as const

export type Status = (typeof statuses)[number]

type Standings = Pick<Mailbox, 'state' | 'cancel_at_period_end' | 'payment_suspension'>

export function statusOf({
  state,
  cancel_at_period_end: isCanceled,
  payment_suspension: unpaid,
}: Standings): Status {
  switch (state) {
    case 'waiting_payment':
      return 'pending'
    case 'waiting_domain':
      return 'waiting_for_dns_propagation'
    case 'provisioning':
      return 'processing'
    case 'active':
      return isCanceled ? 'scheduled_for_cancellation' : 'active'
    case 'suspended':
      return unpaid === null ? 'suspended' : 'renewal_failed'
    case 'failed':
      return 'failed'
    case 'deletion_scheduled':
      return 'cancelled'
    case 'deleted':
      return 'deleted'
  }
}

const either = { isCanceled: null, isUnpaid: null } as const

/** The mailboxes that have a status; what ours never have is none of them. */
export function standingOf(status: Status): Standing {
  switch (status) {
    case 'pending':
      return { states: ['waiting_payment'], ...either }
    case 'waiting_for_dns_propagation':
      return { states: ['waiting_domain'], ...either }
    case 'processing':
      return { states: ['provisioning'], ...either }
    case 'active':
      return { states: ['active'], isCanceled: false, isUnpaid: null }
    case 'scheduled_for_cancellation':
      return { states: ['active'], isCanceled: true, isUnpaid: null }
    case 'suspended':
      return { states: ['suspended'], isCanceled: null, isUnpaid: false }
    case 'renewal_failed':
      return { states: ['suspended'], isCanceled: null, isUnpaid: true }
    case 'failed':
      return { states: ['failed'], ...either }
    case 'cancelled':
      return { states: ['deletion_scheduled'], ...either }
    default:
      return { states: [], ...either }
  }
}

export const platforms = ['GOOGLE', 'MICROSOFT', 'AZURE', 'SMTP'] as const
export type Platform = (typeof platforms)[number]

/** Those that are sold. */
export const purchasePlatforms = ['GOOGLE', 'MICROSOFT', 'AZURE'] as const

export const productOf = {
  GOOGLE: 'google',
  MICROSOFT: 'microsoft',
  AZURE: 'azure',
} as const satisfies Record<(typeof purchasePlatforms)[number], Product>

/** What it was asked for as counts; of what was asked for as nothing, who runs it. */
const kinds: Readonly<Record<Platform, { products: readonly Product[]; services: readonly Service[] }>> = {
  GOOGLE: { products: ['google'], services: ['google'] },
  MICROSOFT: { products: ['microsoft'], services: ['microsoft'] },
  AZURE: { products: ['azure'], services: [] },
  SMTP: { products: ['smtp', 'smtp_dedicated'], services: ['local'] },
}

export function kindOf(platform: Platform): (typeof kinds)[Platform] {
  return kinds[platform]
}

export function platformOf({ product, service }: Pick<Mailbox, 'product' | 'service'>): Platform {
  const found = platforms.find((platform) => {
    const { products, services } = kinds[platform]
    return product === null ? services.includes(service) : products.includes(product)
  })
  return found ?? 'SMTP'
}

export const propagations = ['pending', 'waiting', 'propagated', 'failed', 'errored'] as const

/** How far the DNS of a mailbox’s domain is. */
export function propagationOf(state: DomainState): (typeof propagations)[number] {
  switch (state) {
    case 'pending_payment':
    case 'registering':
      return 'pending'
    case 'pending_nameservers':
    case 'pending_records':
      return 'waiting'
    case 'active':
    case 'suspended':
      return 'propagated'
    case 'expired':
    case 'failed':
    case 'deletion_scheduled':
    case 'deleted':
      return 'failed'
  }
}

/** How far a mailbox is at the sequencers that it is to be at: at the worst of them. */
export function sequencerStatusOf(
  states: readonly SequencerMailboxState[],
): 'na' | 'failed' | 'queued' | 'completed' {
  if (states.length === 0) return 'na'
  if (states.some((state) => ['failed', 'disconnected', 'missing'].includes(state))) return 'failed'
  return states.every((state) => state === 'connected') ? 'completed' : 'queued'
}
