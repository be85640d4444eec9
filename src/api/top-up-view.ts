/** How a top-up and a refund of it look on the wire. */
import { type Static, Type } from 'typebox'
import type { TopUpRefund } from '../billing/payments/refunds.ts'
import { topUpStates } from '../billing/payments/tables.ts'
import type { TopUp } from '../billing/payments/top-ups.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const currency = Type.String({ description: 'ISO 4217.' })

export const TopUpView = Type.Object(
  {
    id: Id,
    state: OneOf(
      topUpStates,
      'needs_customer: the bank asks for the customer, who pays at `url`. An expired or failed one may still turn paid.',
    ),
    method: OneOf(['checkout', 'saved']),
    reason: OneOf(['manual', 'auto']),
    amount: Type.Integer({ description: 'What was asked for, in minor units.' }),
    received_amount: Nullable(Type.Integer(), 'What came, in minor units.'),
    currency,
    url: Nullable(Type.String(), 'Where the customer pays, while that is open.'),
    url_expires_at: Nullable(Moment),
    failure_code: Nullable(Type.String(), 'The provider’s own code.'),
    decline_code: Nullable(Type.String(), 'The bank’s own code.'),
    created_at: Moment,
    updated_at: Moment,
    ended_at: Nullable(Moment),
  },
  { title: 'TopUp' },
)

export function topUpView(topUp: TopUp): Static<typeof TopUpView> {
  const { id, state, method, reason, amount, received_amount, failure_code, decline_code } = topUp
  return {
    id,
    state,
    method,
    reason,
    amount,
    received_amount,
    currency: topUp.currency,
    url: topUp.session_url,
    url_expires_at: topUp.session_url === null ? null : momentOrNull(topUp.session_expires_at),
    failure_code,
    decline_code,
    created_at: topUp.created_at.toISOString(),
    updated_at: topUp.updated_at.toISOString(),
    ended_at: momentOrNull(topUp.ended_at),
  }
}

export const RefundView = Type.Object(
  {
    id: Id,
    top_up_id: Id,
    state: OneOf(['pending', 'succeeded', 'failed'], 'failed: the money is in the wallet again.'),
    amount: Type.Integer({ description: 'In minor units.' }),
    currency,
    reason: Nullable(Type.String()),
    failure_code: Nullable(Type.String(), 'The provider’s own code.'),
    created_at: Moment,
    ended_at: Nullable(Moment),
  },
  { title: 'TopUpRefund' },
)

export function refundView(refund: TopUpRefund): Static<typeof RefundView> {
  const { id, top_up_id, state, amount, reason, failure_code } = refund
  return {
    id,
    top_up_id,
    state,
    amount,
    currency: refund.currency,
    reason,
    failure_code,
    created_at: refund.created_at.toISOString(),
    ended_at: momentOrNull(refund.ended_at),
  }
}
