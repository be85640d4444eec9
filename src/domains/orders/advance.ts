/**
 * One look at an order: intent -> sent -> pending -> done | failed | review.
 *
 * The intent is committed before anything else happens, and `sent` before the registrar is called: a node that dies
 * leaves an order that says that it may have been carried out. Such an order, and one whose answer did not come, is read
 * back at the registrar before it goes out again, with the same key, and at the price that was shown or not at all.
 */
import { addDuration } from '../../platform/clock.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { sameMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Bought, type DomainInfo, type Registrar, RegistrarFailure } from '../registrars/driver.ts'
import { findRegistrar } from '../registrars/registrars.ts'
import { type Price, priceOf } from './offers.ts'
import { type Outcome, orderPolicy } from './outcome.ts'
import { lowerHold, mayLower } from './payment.ts'
import { type OnActive, settleOrder } from './settle.ts'
import {
  addOrderJobs,
  type ClaimedOrder,
  claimOrder,
  findDueOrders,
  priceOfOrder,
  writeOrder,
} from './store.ts'

/** Adds a job for each order that is due. */
export async function resumeOrders(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) =>
    addOrderJobs(tx, await findDueOrders(tx, platform.clock.now())),
  )
}

/** Does what there is to do for an order now. `onActive` does what stands on the floors above. */
export async function advanceOrder(platform: Platform, orderId: string, onActive: OnActive): Promise<void> {
  const order = await claimOrder(platform.db, orderId)
  if (order === null) return
  const { claimed, outcome } = await look(platform, order)
  await settleOrder(platform, claimed, outcome, onActive)
}

type Looked = { claimed: ClaimedOrder; outcome: Outcome }

async function look(platform: Platform, order: ClaimedOrder): Promise<Looked> {
  const registrar = findRegistrar(platform, order.registrar)
  if (registrar === null) {
    return { claimed: order, outcome: waiting(order, `The account at ${order.registrar} is not set up.`) }
  }
  try {
    if (order.state !== 'intent') return await readBack(platform, registrar, order)
    const obstacle = order.kind === 'renew' ? await whyNotRenew(registrar, order) : null
    return obstacle === null
      ? await sendOut(platform, registrar, order)
      : { claimed: order, outcome: obstacle }
  } catch (error) {
    if (!(error instanceof RegistrarFailure)) throw error
    return { claimed: order, outcome: waiting(order, error.remote) }
  }
}

function waiting({ state }: ClaimedOrder, message: string | null, atLeastMs = 0): Outcome {
  if (state === 'done' || state === 'failed') throw new Error(`an order that is ${state} does not wait`)
  return { kind: 'wait', state, message, atLeastMs }
}

/** What was sent, by what the registrar says now. */
async function readBack(platform: Platform, registrar: Registrar, order: ClaimedOrder): Promise<Looked> {
  const info = await registrar.get(order.name)
  const found = foundOf(order, info)
  if (found !== null) return { claimed: order, outcome: found }
  const sentAgoMs = platform.clock.now().getTime() - (order.sent_at ?? order.created_at).getTime()
  if (order.state === 'review') return { claimed: order, outcome: waiting(order, order.remote_message) }
  if (order.state === 'sent' && sentAgoMs < orderPolicy.resendMs) {
    // It may still be under way there.
    return { claimed: order, outcome: waiting(order, order.remote_message, orderPolicy.resendMs - sentAgoMs) }
  }
  if (order.state === 'sent' && order.sends < orderPolicy.sendsMax)
    return await sendOut(platform, registrar, order)
  if (order.state === 'pending' && sentAgoMs < orderPolicy.unsettledMsMax) {
    return { claimed: order, outcome: waiting(order, order.remote_message) }
  }
  const message = order.remote_message ?? 'The registrar does not show what was ordered.'
  return { claimed: order, outcome: { kind: 'review', message } }
}

/** What the registrar shows of the order; null when it shows nothing of it. */
function foundOf(order: ClaimedOrder, info: DomainInfo | null): Outcome | null {
  if (info === null) return null
  const { expiresAt, locked } = info
  if (order.kind === 'renew') {
    const isLater = expiresAt !== null && (order.expires_before === null || expiresAt > order.expires_before)
    return isLater ? { kind: 'done', expiresAt, locked, reference: order.remote_reference } : null
  }
  return info.state === 'active'
    ? { kind: 'done', expiresAt, locked, reference: order.remote_reference }
    : { kind: 'pending', reference: order.remote_reference, message: null }
}

async function sendOut(platform: Platform, registrar: Registrar, order: ClaimedOrder): Promise<Looked> {
  const { registrar: name, kind, years, workspace_id: workspaceId } = order
  const price = await priceOf(platform, { workspaceId, registrar: name, name: order.name, kind, years })
  const obstacle = obstacleOf(order, price)
  if (obstacle !== null) return { claimed: order, outcome: obstacle }
  if (typeof price === 'string') throw new Error('an order without a price would go out')
  const sent = await markSent(platform, order, price)
  if (sent === null) return { claimed: order, outcome: waiting(order, null) } // somebody else has it
  return { claimed: sent, outcome: await call(platform, registrar, sent, price) }
}

/** A renewal that is there already, by whomever, is not bought again. */
async function whyNotRenew(registrar: Registrar, order: ClaimedOrder): Promise<Outcome | null> {
  const info = await registrar.get(order.name)
  if (info === null) {
    return { kind: 'failed', code: 'registrar_refused', message: 'The name is not in the account.' }
  }
  const found = foundOf(order, info)
  if (found?.kind !== 'done' || found.expiresAt === null) return null
  return { kind: 'failed', code: 'already_renewed', message: null, expiresAt: found.expiresAt }
}

/** Why the order does not go out (again). After a sending that may have been carried out, a person decides. */
function obstacleOf(order: ClaimedOrder, price: Price | 'unavailable' | 'not_sold'): Outcome | null {
  if (typeof price !== 'string' && isAsShown(order, price)) return null
  if (order.sends > 0) {
    return {
      kind: 'review',
      message: 'It was sent, is not seen at the registrar, and cannot be ordered any more.',
    }
  }
  if (price === 'unavailable') return { kind: 'failed', code: 'domain_unavailable', message: null }
  if (price === 'not_sold') return { kind: 'failed', code: 'name_not_sold', message: null }
  return price.price.currency === order.price_currency
    ? { kind: 'failed', code: 'price_changed', message: null, actual: price.price }
    : { kind: 'failed', code: 'price_changed', message: `It is sold in ${price.price.currency}.` }
}

/** A quote holds while the registrar's own price does; a price that the caller named must be found again. */
function isAsShown(order: ClaimedOrder, { cost, price }: Price): boolean {
  const shown = priceOfOrder(order)
  if (order.quote_id !== null) {
    return order.cost_amount === cost.amount && order.cost_currency === cost.currency
  }
  if (order.automatic) return price.currency === shown.currency && price.amount <= shown.amount
  return sameMoney(price, shown)
}

async function markSent(platform: Platform, order: ClaimedOrder, price: Price): Promise<ClaimedOrder | null> {
  return await transaction(platform.db, async (tx: Tx) => {
    const isLower = order.automatic && (await mayLower(tx, order))
    const sent = await writeOrder(
      platform,
      tx,
      order,
      {
        ...(isLower ? { price_amount: price.price.amount } : {}),
        state: 'sent',
        cost_amount: price.cost.amount,
        cost_currency: price.cost.currency,
        premium: price.premium,
        sends: order.sends + 1,
        sent_at: platform.clock.now(),
      },
      true,
    )
    if (sent !== null && sent.price_amount < order.price_amount) await lowerHold(platform, tx, sent)
    return sent
  })
}

async function call(
  platform: Platform,
  registrar: Registrar,
  order: ClaimedOrder,
  price: Price,
): Promise<Outcome> {
  try {
    const bought = await buy(platform, registrar, order, price)
    if (bought.state === 'pending') return { kind: 'pending', reference: bought.reference, message: null }
    return { kind: 'done', reference: bought.reference, ...(await expiryOf(registrar, order, bought)) }
  } catch (error) {
    if (!(error instanceof RegistrarFailure)) throw error
    if (error.kind === 'refused') {
      // The name may be taken by what was sent before.
      return order.sends > 1
        ? { kind: 'review', message: error.remote }
        : { kind: 'failed', code: error.reason, message: error.remote }
    }
    // This sending came to nothing; an earlier one may have been carried out.
    const isUndone = error.kind === 'busy'
    const state = isUndone && order.sends === 1 ? 'intent' : 'sent'
    return { kind: 'wait', state, message: error.remote, isUndone }
  }
}

async function buy(
  platform: Platform,
  registrar: Registrar,
  order: ClaimedOrder,
  { cost, premium }: Price,
): Promise<Bought> {
  const { name, years } = order
  const common = { name, years, expectedCost: cost, premium, idempotencyKey: order.id }
  if (order.kind === 'renew') {
    if (order.expires_before === null) throw new Error('a renewal without a known expiry')
    return await registrar.renew({ ...common, currentExpiry: order.expires_before })
  }
  const contact =
    order.contact_id === null
      ? undefined
      : await platform.db
          .selectFrom('registrant_contacts')
          .selectAll()
          .where('id', '=', order.contact_id)
          .executeTakeFirst()
  return await registrar.register({ ...common, contact: contact ?? null })
}

/** Some answers do not say until when: then the registrar is asked, and else the years are counted. */
async function expiryOf(
  registrar: Registrar,
  order: ClaimedOrder,
  bought: Bought,
): Promise<{ expiresAt: Date; locked: boolean | null }> {
  const info = await registrar.get(order.name).catch((error: unknown) => {
    if (error instanceof RegistrarFailure) return null
    throw error
  })
  const counted = addDuration(order.expires_before ?? order.sent_at ?? order.created_at, `P${order.years}Y`)
  const seen = info?.expiresAt ?? null
  // A registrar may show the old expiry for a while.
  const isNew = seen !== null && (order.expires_before === null || seen > order.expires_before)
  return { expiresAt: bought.expiresAt ?? (isNew ? seen : counted), locked: info?.locked ?? null }
}
