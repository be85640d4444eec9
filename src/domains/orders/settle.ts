/** What a look at an order came to, written: the order, its domain and its registration in one transaction. */
import { type Tx, transaction } from '../../platform/database.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { startChecks } from '../checks/start.ts'
import { type Domain, moveDomain } from '../domains.ts'
import { isSandboxName, parseDomainName } from '../names.ts'
import { waitingState } from '../new-domain.ts'
import { tellRegistration } from '../registrations.ts'
import { type Outcome, orderPolicy } from './outcome.ts'
import { endHold } from './payment.ts'
import { type ClaimedOrder, type OrderChanges, writeOrder } from './store.ts'

/** What happens in the same transaction when a domain becomes active. */
export type OnActive = (tx: Tx, domainId: string) => Promise<void>

export async function settleOrder(
  platform: Platform,
  order: ClaimedOrder,
  outcome: Outcome,
  onActive: OnActive,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const domain = await tx
      .selectFrom('domains')
      .selectAll()
      .where('id', '=', order.domain_id)
      .forUpdate()
      .executeTakeFirstOrThrow()
    const changes = withPayment(order, changesOf(platform, order, outcome))
    const after = await writeOrder(platform, tx, order, changes)
    if (after === null) return // its lease ended, and somebody else decides
    report(platform, after)
    if (changes.state === 'done') await finish(platform, tx, domain, order, outcome, onActive)
    if (changes.state === 'failed') await giveUp(platform, tx, domain, order, outcome)
    if (after.payment !== order.payment) await endHold(platform, tx, after)
  })
}

/** What was put aside is paid when the order is done, and given back when it fails. */
function withPayment({ payment }: ClaimedOrder, changes: OrderChanges): OrderChanges {
  if (payment !== 'held') return changes
  if (changes.state === 'done') return { ...changes, payment: 'paid' }
  return changes.state === 'failed' ? { ...changes, payment: 'released' } : changes
}

/** An order that ended without its goods, or needs a person, is for the operator to see. */
function report({ log }: Platform, { id, registrar, state, failure_code }: ClaimedOrder): void {
  if (state === 'done' || state === 'pending') return
  // Not the registrar's words, which may repeat what was said of a contact.
  const record = { event: `order.${state}`, order: id, registrar, code: failure_code }
  if (state === 'review') log.warn(record)
  else log.info(record)
}

function changesOf(platform: Platform, order: ClaimedOrder, outcome: Outcome): OrderChanges {
  const now = platform.clock.now()
  switch (outcome.kind) {
    case 'done':
      return {
        state: 'done',
        remote_reference: outcome.reference ?? order.remote_reference,
        remote_message: null,
        finished_at: now,
      }
    case 'failed':
      return {
        state: 'failed',
        failure_code: outcome.code,
        remote_message: outcome.message,
        actual_amount: outcome.actual?.amount ?? null,
        finished_at: now,
      }
    case 'review':
      return {
        state: 'review',
        remote_message: outcome.message,
        looks: 0,
        next_at: after(now, orderPolicy.reviewMs),
      }
    case 'pending':
      return {
        state: 'pending',
        remote_reference: outcome.reference ?? order.remote_reference,
        ...nextLook(order, 'pending', now),
      }
    case 'wait':
      return waited(order, outcome, now)
  }
}

function waited(order: ClaimedOrder, outcome: Extract<Outcome, { kind: 'wait' }>, now: Date): OrderChanges {
  const message = outcome.message ?? order.remote_message
  const sends = outcome.isUndone === true ? order.sends - 1 : order.sends
  const readyAgoMs = now.getTime() - (order.ready_at ?? order.created_at).getTime()
  const agoMs = now.getTime() - (order.sent_at ?? order.created_at).getTime()
  if (outcome.state === 'intent' && readyAgoMs >= orderPolicy.intentMsMax) {
    return {
      state: 'failed',
      failure_code: 'registrar_unavailable',
      remote_message: message,
      finished_at: now,
    }
  }
  if (outcome.state === 'sent' && agoMs >= orderPolicy.unsettledMsMax) {
    return { state: 'review', remote_message: message, looks: 0, next_at: after(now, orderPolicy.reviewMs) }
  }
  if (outcome.state === 'review')
    return { remote_message: message, next_at: after(now, orderPolicy.reviewMs) }
  return {
    state: outcome.state,
    sends,
    remote_message: message,
    ...nextLook(order, outcome.state, now, outcome.atLeastMs),
  }
}

/** The waits between the looks at one state double, up to a bound. */
function nextLook(
  order: ClaimedOrder,
  state: ClaimedOrder['state'],
  now: Date,
  atLeastMs = 0,
): Pick<OrderChanges, 'looks' | 'next_at'> {
  const looks = state === order.state ? order.looks : 0
  const waitMs = Math.min(orderPolicy.waitMs * 2 ** Math.min(looks, 10), orderPolicy.waitMsMax)
  return { looks: looks + 1, next_at: after(now, Math.max(waitMs, atLeastMs)) }
}

function after(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms)
}

async function finish(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  order: ClaimedOrder,
  outcome: Outcome,
  onActive: OnActive,
): Promise<void> {
  if (outcome.kind !== 'done') throw new Error('an order is done only when the registrar says so')
  const now = platform.clock.now()
  const registration = await tx
    .updateTable('domain_registrations')
    .set({
      ...(outcome.expiresAt === null ? {} : { expires_at: outcome.expiresAt }),
      ...(outcome.locked === null ? {} : { locked: outcome.locked }),
      ...(order.kind === 'register' ? { registered_at: now } : {}),
      observed_at: now,
      problem: null,
      updated_at: now,
    })
    .where('domain_id', '=', domain.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellRegistration(platform, tx, domain, registration)
  if (order.kind === 'renew') {
    if (domain.state !== 'expired' || registration.expires_at === null || registration.expires_at <= now)
      return
    await moveDomain(platform, tx, domain, 'active')
    return await onActive(tx, domain.id)
  }
  if (registration.nameservers.length > 0) {
    await addJob(tx, 'registrations.set_nameservers', { domain_id: domain.id })
  }
  if (domain.state !== 'registering') return
  const name = parseDomainName(domain.name)
  if (name !== null && isSandboxName(name)) {
    await moveDomain(platform, tx, domain, 'active')
    return await onActive(tx, domain.id)
  }
  await moveDomain(platform, tx, domain, waitingState(domain.dns_mode))
  await startChecks(tx, [domain.id], now)
}

async function giveUp(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  order: ClaimedOrder,
  outcome: Outcome,
): Promise<void> {
  const isRegistering = domain.state === 'registering' || domain.state === 'pending_payment'
  if (order.kind === 'register' && isRegistering) await moveDomain(platform, tx, domain, 'failed')
  if (outcome.kind === 'failed' && outcome.expiresAt !== undefined) {
    const registration = await tx
      .updateTable('domain_registrations')
      .set({ expires_at: outcome.expiresAt, updated_at: platform.clock.now() })
      .where('domain_id', '=', domain.id)
      .returningAll()
      .executeTakeFirst()
    if (registration) await tellRegistration(platform, tx, domain, registration)
  }
}
