/** How a mailbox looks in this API. Its credentials are not in it. */
import { type Static, Type } from 'typebox'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import type { DomainState } from '../../domains/lifecycle.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Neighbours } from '../../sequencers/mailbox-neighbours.ts'
import {
  platformOf,
  platforms,
  propagationOf,
  propagations,
  sequencerStatusOf,
  statuses,
  statusOf,
} from './mailbox-states.ts'
import { Moment } from './schemas.ts'

const SequencerOfMailbox = Type.Object({ uid: Type.String(), name: Type.String(), platform: Type.String() })

export const MailboxView = Type.Object(
  {
    uid: Type.String(),
    domain_name: Type.String(),
    username: Type.String({ description: 'Left of the @.' }),
    first_name: Type.String(),
    last_name: Type.String(),
    profile_picture: Nullable(
      Type.String(),
      'Where the native API shows it, to whoever has a key of this workspace.',
    ),
    platform: OneOf(platforms, 'What it was asked for as, whoever runs it.'),
    status: OneOf(statuses),
    is_admin: Type.Literal(false),
    forwarding_email: Type.String({ description: 'The first address that it forwards to; empty: none.' }),
    tags: Type.Array(Type.String()),
    sequencers: Type.Array(SequencerOfMailbox),
    mailbox_update_status: Type.Literal('na'),
    sequencer_status: OneOf(['na', 'queued', 'completed', 'failed'], 'At the worst of its sequencers.'),
    dns_propagation_status: OneOf(propagations),
    renewal_cycle: OneOf(['monthly', 'yearly']),
    renewal_status: OneOf(['na', 'failed']),
    renewal_date: Nullable(Moment),
    prepaid_until: Nullable(Moment),
    mailbox_reactivation_status: Type.Literal('na'),
    mailbox_cancellation_status: OneOf(['na', 'queued', 'completed']),
    createdAt: Moment,
    updatedAt: Moment,
  },
  { title: 'Mailbox' },
)

/** @param beside null: it was removed a moment ago, and nothing stands beside it any more. */
export function mailboxView(
  platform: Platform,
  mailbox: Mailbox,
  beside: Neighbours | null,
): Static<typeof MailboxView> {
  const exported = beside?.sequencers ?? []
  return {
    ...plainView(mailbox),
    profile_picture:
      mailbox.picture_sha256 === null ? null : `${publicUrl(platform)}/v1/mailboxes/${mailbox.id}/picture`,
    is_admin: false,
    forwarding_email: beside?.targets[0] ?? '',
    tags: mailbox.tags,
    sequencers: exported.map(({ id: uid, name, platform: slug }) => ({ uid, name, platform: slug })),
    mailbox_update_status: 'na',
    sequencer_status: sequencerStatusOf(exported.map(({ state }) => state)),
    dns_propagation_status: propagationOf(beside?.domainState ?? shared),
    renewal_status: mailbox.unpaid_since === null ? 'na' : 'failed',
    prepaid_until: mailbox.period_ends_at?.toISOString() ?? null,
    mailbox_reactivation_status: 'na',
    mailbox_cancellation_status: cancellationOf(mailbox),
  }
}

/** Of a domain of another workspace that is shared, whose state is not this one’s to see: it is used, so it works. */
const shared: DomainState = 'active'

export function cancellationOf({
  state,
  cancel_at_period_end: isCanceled,
}: Mailbox): 'na' | 'queued' | 'completed' {
  if (state === 'deletion_scheduled') return 'completed'
  return isCanceled ? 'queued' : 'na'
}

/** What its own row has. */
function plainView(mailbox: Mailbox) {
  const at = mailbox.address.lastIndexOf('@')
  return {
    uid: mailbox.id,
    domain_name: mailbox.address.slice(at + 1),
    username: mailbox.address.slice(0, at),
    first_name: mailbox.first_name ?? '',
    last_name: mailbox.last_name ?? '',
    platform: platformOf(mailbox),
    status: statusOf(mailbox),
    renewal_cycle: mailbox.period,
    renewal_date: mailbox.period_ends_at?.toISOString() ?? null,
    createdAt: mailbox.created_at.toISOString(),
    updatedAt: mailbox.updated_at.toISOString(),
  }
}

export const PurchasedView = Type.Object(
  {
    ...Type.Pick(MailboxView, [
      'uid',
      'domain_name',
      'username',
      'first_name',
      'last_name',
      'platform',
      'renewal_cycle',
      'createdAt',
      'updatedAt',
    ]).properties,
    status: Type.Literal('scheduled', { description: 'What clients expect, however far it is.' }),
    renewal_date: Type.Null(),
  },
  { title: 'PurchasedMailbox' },
)

export function purchasedView(mailbox: Mailbox): Static<typeof PurchasedView> {
  return { ...plainView(mailbox), status: 'scheduled', renewal_date: null }
}
