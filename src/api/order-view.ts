/** Orders as the API shows them. */
import { type Static, Type } from 'typebox'
import { type Order, priceOfOrder } from '../domains/orders/store.ts'
import { orderPayments, orderStates } from '../domains/orders/tables.ts'
import { MoneyView, moneyOrNull, NullableMoney } from './money-schemas.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

export const OrderView = Type.Object(
  {
    id: Id,
    domain_id: Id,
    name: Type.String(),
    kind: OneOf(['register', 'renew']),
    years: Type.Integer(),
    state: OneOf(
      orderStates,
      'intent: not sent yet. sent: what became of it is being found out. pending: the registry works on it. review: nobody can tell what became of it.',
    ),
    registrar: Type.String(),
    price: MoneyView,
    payment: OneOf(
      orderPayments,
      'due: it waits for money. held: the money is put aside, and is paid when the order is done. released: it was given back. unbilled: this platform had no billing to take it from.',
    ),
    automatic: Type.Boolean(),
    failure_code: Nullable(Type.String(), 'Such as price_changed, domain_unavailable or registrar_refused.'),
    new_price: NullableMoney,
    remote_message: Nullable(Type.String(), 'The registrar’s own words.'),
    remote_reference: Nullable(Type.String()),
    created_at: Moment,
    sent_at: Nullable(Moment),
    finished_at: Nullable(Moment),
  },
  { title: 'DomainOrder' },
)

export function orderView(order: Order): Static<typeof OrderView> {
  return {
    id: order.id,
    domain_id: order.domain_id,
    name: order.name,
    kind: order.kind,
    years: order.years,
    state: order.state,
    registrar: order.registrar,
    price: priceOfOrder(order),
    payment: order.payment,
    automatic: order.automatic,
    failure_code: order.failure_code,
    new_price: moneyOrNull(order.actual_amount, order.price_currency),
    remote_message: order.remote_message,
    remote_reference: order.remote_reference,
    created_at: order.created_at.toISOString(),
    sent_at: momentOrNull(order.sent_at),
    finished_at: momentOrNull(order.finished_at),
  }
}
