/**
 * Payment of orders. Without billing there is nothing to take the money from: the price stays on the order as unbilled,
 * for whoever writes the bills, and the order goes on.
 */
import type { Tx } from '../../platform/database.ts'
import type { Order } from './store.ts'

/** @returns the order as it is after that; it goes to the registrar unless its payment is still due. */
export async function charge(tx: Tx, order: Order): Promise<Order> {
  return await tx
    .updateTable('domain_orders')
    .set({ payment: 'unbilled' })
    .where('id', '=', order.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}
