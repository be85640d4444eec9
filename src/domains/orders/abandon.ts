/** Ending an order that nobody can tell the end of: a person has looked, and the registrar does not have it. */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { lockDomain, moveDomain } from '../domains.ts'
import { endHold } from './payment.ts'
import { claimOrder, getOrder, type Order, writeOrder } from './store.ts'

/** @throws Refusal order_not_found, order_state_conflict unless it is in review, forbidden. */
export async function abandonOrder(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<Order> {
  requireWrite(scope)
  const found = await getOrder(platform, scope, id, tx)
  if (found.state !== 'review') throw new Refusal('order_state_conflict', `The order is ${found.state}.`)
  const domain = await lockDomain(platform, tx, scope, found.domain_id)
  const claimed = await claimOrder(tx, found.id)
  const order =
    claimed?.state === 'review'
      ? await writeOrder(platform, tx, claimed, {
          state: 'failed',
          failure_code: 'abandoned',
          ...(claimed.payment === 'held' ? { payment: 'released' } : {}),
          finished_at: platform.clock.now(),
        })
      : null
  if (order === null) throw new Refusal('order_state_conflict', 'Somebody else works on the order.')
  if (order.kind === 'register' && domain.state === 'registering') {
    await moveDomain(platform, tx, domain, 'failed')
  }
  if (order.payment === 'released') await endHold(platform, tx, order)
  return order
}
