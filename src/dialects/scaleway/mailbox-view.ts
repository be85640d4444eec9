/** A mailbox as this API shows it. */
import { type Static, Type } from 'typebox'
import { periodBefore } from '../../billing/periods.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { Id, Moment } from './schemas.ts'
import { mailboxStatuses, statusOfMailbox } from './states.ts'
import { microseconds, wholeSeconds } from './times.ts'

const subscriptionPeriods = ['unknown_subscription_period', 'canceled', 'monthly', 'yearly'] as const
type SubscriptionPeriod = (typeof subscriptionPeriods)[number]

export const MailboxView = Type.Object(
  {
    id: Id,
    project_id: Type.String({ description: 'Always empty; the domain has it.' }),
    organization_id: Type.String({ description: 'Always empty.' }),
    domain_id: Id,
    email: Type.String(),
    status: OneOf(mailboxStatuses),
    subscription_period: OneOf(subscriptionPeriods, 'Unknown until the first one begins.'),
    subscription_period_started_at: Moment,
    next_subscription_period: OneOf(subscriptionPeriods, 'Unknown: as the present one.'),
    next_subscription_period_starts_at: Moment,
    created_at: Moment,
    updated_at: Moment,
    deletion_scheduled_at: Moment,
  },
  { title: 'Mailbox' },
)

export function mailboxView(mailbox: Mailbox): Static<typeof MailboxView> {
  const { period_ends_at: endsAt, purge_at: purgeAt, state } = mailbox
  const startedAt = startOf(mailbox)
  return {
    id: mailbox.id,
    project_id: '',
    organization_id: '',
    domain_id: mailbox.domain_id,
    email: mailbox.address,
    status: statusOfMailbox[state],
    subscription_period: endsAt === null ? 'unknown_subscription_period' : mailbox.period,
    subscription_period_started_at: startedAt === null ? null : wholeSeconds(startedAt),
    next_subscription_period: nextOf(mailbox),
    next_subscription_period_starts_at: endsAt === null ? null : wholeSeconds(endsAt),
    created_at: microseconds(mailbox.created_at),
    updated_at: microseconds(mailbox.updated_at),
    deletion_scheduled_at: state === 'deletion_scheduled' && purgeAt !== null ? microseconds(purgeAt) : null,
  }
}

function startOf({ period_anchor_at: anchor, period_ends_at: endsAt, period }: Mailbox): Date | null {
  return anchor === null || endsAt === null ? null : periodBefore(anchor, period, endsAt)
}

/** Before the first period: the one that is wanted; then the wish for another one, if there is one. */
function nextOf(mailbox: Mailbox): SubscriptionPeriod {
  if (mailbox.period_ends_at === null) return mailbox.period
  if (mailbox.cancel_at_period_end) return 'canceled'
  return mailbox.next_period ?? 'unknown_subscription_period'
}
