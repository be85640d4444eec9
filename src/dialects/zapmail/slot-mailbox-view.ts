/** A mailbox that a plan pays for, without its secrets. */
import { type Static, Type } from 'typebox'
import type { SlotMailbox } from '../../mailboxes/payment/slots.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { namesOf } from './account.ts'
import { Moment } from './schemas.ts'
import { mailboxStatuses, statusOfState } from './statuses.ts'

export const SlotMailboxView = Type.Object(
  {
    id: Type.String(),
    username: Type.String(),
    email: Type.String(),
    firstName: Type.String(),
    lastName: Type.String(),
    status: OneOf(mailboxStatuses),
    domain: Type.String(),
    domainId: Type.String(),
    assignedOn: Moment,
    expireOn: Type.Union([Moment, Type.Null()]),
    createdAt: Moment,
  },
  { title: 'SubscriptionMailbox' },
)

export function slotMailboxView(mailbox: SlotMailbox): Static<typeof SlotMailboxView> {
  const { id, address, domain, domain_id: domainId, state, period_ends_at: endsAt } = mailbox
  const createdAt = mailbox.created_at.toISOString()
  const shown = namesOf(mailbox.display_name ?? '')
  return {
    id,
    username: address.slice(0, address.lastIndexOf('@')),
    email: address,
    firstName: mailbox.first_name ?? shown.firstName,
    lastName: mailbox.last_name ?? shown.lastName,
    status: statusOfState[state],
    domain,
    domainId,
    assignedOn: createdAt,
    expireOn: endsAt?.toISOString() ?? null,
    createdAt,
  }
}
