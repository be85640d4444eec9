/** What becomes of requests: each move of one is a move of its mailbox, in the same transaction. */

import { requireWrite, type Scope } from '../accounts/principals.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { freeAddresses } from './address-rows.ts'
import { changePassword } from './credentials.ts'
import { lockMailbox, moveMailbox } from './mailboxes.ts'
import { payAgain } from './payment/first-periods.ts'
import { mayMoveRequest, type RequestState } from './request-lifecycle.ts'
import { getRequest, type MailboxRequest, requestsOf, subjectOf } from './requests.ts'
import { mailboxRoom } from './room.ts'
import type { Mailbox } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'request.updated': { request_id: string; mailbox_id: string; address: string }
    'request.state_changed': {
      request_id: string
      mailbox_id: string
      address: string
      from: RequestState
      to: RequestState
      note: string | null
    }
  }
}

export type RequestChanges = {
  state?: RequestState
  note?: string | null
  /** With `completed`: what the mailbox is opened with, where whoever made it has chosen that. */
  password?: string
}

/**
 * Takes note of what became of a request.
 * @throws Refusal mailbox_request_not_found, mailbox_request_state_conflict, mailbox_state_conflict (the mailbox was
 *   deleted), domain_not_usable, address_taken or mailbox_limit_reached (when it is tried again), password_too_weak,
 *   invalid_request, forbidden.
 */
export async function changeRequest(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  changes: RequestChanges,
): Promise<MailboxRequest> {
  requireWrite(scope)
  const { mailbox_id: mailboxId } = await getRequest(platform, scope, id, tx)
  const { state: to, note, password } = changes
  if (password !== undefined && to !== 'completed') {
    throw new Refusal('invalid_request', 'Credentials come with the state completed.')
  }
  // The mailbox is locked first, as its purge does, and then the request.
  const mailbox = to === undefined ? null : await lockMailboxOf(tx, scope, mailboxId)
  const before = await requestsOf(tx, scope).where('id', '=', id).forUpdate().executeTakeFirstOrThrow()
  const isMove = to !== undefined && to !== before.state
  if ((isMove && !mayMoveRequest(before.state, to)) || (password !== undefined && !isMove)) {
    throw new Refusal('mailbox_request_state_conflict', `It is ${before.state}.`)
  }
  if (isMove && mailbox) await moveItsMailbox(platform, tx, scope, mailbox, before.state, to)
  if (password !== undefined) await changePassword(platform, tx, scope, mailboxId, password)
  const now = platform.clock.now()
  const after = await tx
    .updateTable('mailbox_requests')
    .set({
      ...(note === undefined ? {} : { note }),
      ...(isMove ? { state: to, state_changed_at: now } : {}),
      updated_at: now,
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellChange(platform, tx, before, after)
  return after
}

async function lockMailboxOf(tx: Tx, scope: Scope, mailboxId: string): Promise<Mailbox> {
  try {
    return await lockMailbox(tx, scope, mailboxId)
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'mailbox_not_found')) throw error
    throw new Refusal('mailbox_state_conflict', 'Its mailbox was deleted for good.', { cause: error })
  }
}

/** What a move of the request does to the mailbox. */
async function moveItsMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  mailbox: Mailbox,
  from: RequestState,
  to: RequestState,
): Promise<void> {
  const expected = from === 'failed' ? 'failed' : 'provisioning'
  if (mailbox.state !== expected) {
    throw new Refusal('mailbox_state_conflict', `Its mailbox is ${mailbox.state}.`)
  }
  if (to === 'completed') {
    await requireActiveDomain(tx, mailbox)
    await moveMailbox(platform, tx, mailbox, 'active', {})
  } else if (to === 'failed') {
    await moveMailbox(platform, tx, mailbox, 'failed', {})
    await freeAddresses(platform, tx, mailbox)
  } else if (from === 'failed') {
    await takeUpAgain(platform, tx, scope, mailbox)
  }
}

async function requireActiveDomain(tx: Tx, mailbox: Mailbox): Promise<void> {
  const domain = await lockDomainOf(tx, mailbox)
  if (mailboxesOn(domain.state) !== 'served') {
    throw new Refusal('domain_not_usable', `${domain.name} is ${domain.state}, and must be active.`)
  }
}

async function lockDomainOf(tx: Tx, mailbox: Mailbox) {
  return await tx
    .selectFrom('domains')
    .select(['id', 'name', 'state'])
    .where('id', '=', mailbox.domain_id)
    .forShare()
    .executeTakeFirstOrThrow()
}

/** Place and address are taken as a new mailbox would. */
async function takeUpAgain(platform: Platform, tx: Tx, scope: Scope, mailbox: Mailbox): Promise<void> {
  const domain = await lockDomainOf(tx, mailbox)
  if (mailboxesOn(domain.state) === 'refused') {
    throw new Refusal('domain_not_usable', `${domain.name} is ${domain.state}.`)
  }
  const room = await mailboxRoom(platform, tx, scope, [domain.id])
  const refusal = room?.take(domain, mailbox) ?? null
  if (refusal) throw refusal
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('addresses')
    .values({
      address: mailbox.address,
      kind: 'mailbox',
      workspace_id: mailbox.workspace_id,
      domain_id: mailbox.domain_id,
      mailbox_id: mailbox.id,
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow()
  if (Number(numInsertedOrUpdatedRows) === 0) {
    throw new Refusal('address_taken', `${mailbox.address} is in use by now.`)
  }
  await payAgain(platform, tx, mailbox)
  await moveMailbox(platform, tx, mailbox, 'provisioning', {})
}

async function tellChange(
  platform: Platform,
  tx: Tx,
  before: MailboxRequest,
  after: MailboxRequest,
): Promise<void> {
  const named = { request_id: after.id, mailbox_id: after.mailbox_id, address: after.address }
  const subject = subjectOf(after)
  await appendEvents(platform, tx, [
    before.state === after.state
      ? { type: 'request.updated', ...subject, data: named }
      : {
          type: 'request.state_changed',
          ...subject,
          data: { ...named, from: before.state, to: after.state, note: after.note },
        },
  ])
}

/** Forgets what was said of a mailbox that is gone for good, and ends its request if that is open. */
export async function endRequestOf(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  const before = await tx
    .selectFrom('mailbox_requests')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .forUpdate()
    .executeTakeFirst()
  if (!before) return
  const now = platform.clock.now()
  const isOpen = mayMoveRequest(before.state, 'failed')
  const after = await tx
    .updateTable('mailbox_requests')
    .set({
      note: null,
      updated_at: now,
      ...(isOpen ? { state: 'failed' as const, state_changed_at: now } : {}),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  if (isOpen) await tellChange(platform, tx, before, after)
}
