/**
 * Decisions: who may make them, and that of two at the same moment exactly one counts. An approval and the sending are one
 * transaction.
 */

import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { getMailbox, lockMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { readBodyBytes } from '../../messages/bodies.ts'
import { releaseBodies } from '../../messages/sweep.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { writeDelivery } from '../commit-lane.ts'
import { insertScheduled } from '../scheduled/schedule.ts'
import { requireServed, writeSent } from '../submission/submit.ts'
import { type Edit, editMessage } from './edit.ts'
import { type Approval, getApproval } from './find.ts'
import { readHeld } from './held-message.ts'
import { prepareRelease, type Released } from './release.ts'
import type { ApprovalChange, HeldEnvelope, HeldRecipient } from './tables.ts'

export type PreparedApproval = {
  approval: Approval
  mailbox: Mailbox
  released: Released
  recipients: readonly HeldRecipient[]
  changes: readonly ApprovalChange[]
}

/**
 * Judges what would go, before the transaction.
 * @throws Refusal forbidden, approval_not_found, approval_state_conflict, invalid_request, mailbox_state_conflict,
 *   sending_not_allowed, recipient_refused, sending_limit_reached, payload_too_large.
 */
export async function prepareApproval(
  platform: Platform,
  scope: Scope,
  id: string,
  edit: Edit,
): Promise<PreparedApproval> {
  requireDecider(scope)
  const approval = await getApproval(platform.db, scope, id)
  if (approval.requested_by === scope.actor) {
    throw new Refusal('forbidden', 'Who sent a message cannot approve it.')
  }
  requirePending(platform, approval)
  const mailbox = await getMailbox(platform, scope, approval.mailbox_id)
  const raw = await readBodyBytes(platform.db, approval.body_id)
  const { recipients } = approval.envelope
  const release = { leading: raw.subarray(0, approval.skip_bytes), recipients }
  const edited = await editOf(platform, approval, raw, edit)
  if (edited !== null && edited.changes.length > 0) {
    const { raw: message, recipients: changed, changes } = edited
    const released = await prepareRelease(platform, mailbox, approval, {
      ...release,
      message,
      recipients: changed,
    })
    return { approval, mailbox, released, recipients: changed, changes }
  }
  const message = raw.subarray(approval.skip_bytes)
  const released = await prepareRelease(platform, mailbox, approval, { ...release, message })
  return { approval, mailbox, released, recipients, changes: [] }
}

async function editOf(platform: Platform, approval: Approval, raw: Buffer, edit: Edit) {
  if (Object.values(edit).every((value) => value === undefined)) return null
  const { recipients } = approval.envelope
  const addresses = recipients.map(({ address }) => address)
  const held = await readHeld(platform.db, approval.body_id, addresses)
  if (held === null) throw new Refusal('approval_state_conflict')
  return await editMessage(raw, approval.skip_bytes, held, recipients, edit)
}

/**
 * Decides and sends.
 * @throws Refusal approval_state_conflict, mailbox_not_found, mailbox_state_conflict, quota_exceeded,
 *   sending_limit_reached, sending_paused, recipient_refused.
 */
export async function approvePrepared(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { approval, mailbox, released, recipients, changes }: PreparedApproval,
): Promise<Approval> {
  // The mailbox first, as whoever suspends or purges it locks it first.
  await requireServed(tx, await lockMailbox(tx, scope, mailbox.id))
  const { delivery, schedule } = released
  const isChanged = changes.length > 0
  const bodyId = delivery.body.id
  await settle(platform, tx, scope, approval, {
    state: 'approved',
    envelope: JSON.stringify(envelopeAfter(approval, recipients, isChanged)),
    ...(isChanged ? { changes: JSON.stringify(changes), sent_body_id: bodyId } : { body_id: bodyId }),
  })
  // What went stands for what was held, where both are the same.
  if (!isChanged) await releaseBodies([approval.id], platform.clock.now()).execute(tx)
  // A mail program has saved its own copy; what was changed is in no Sent folder yet.
  const savesCopy = approval.source === 'api' || isChanged || schedule !== null
  const sent = savesCopy ? await writeSent(platform, tx, mailbox, delivery) : null
  if (schedule !== null && sent !== null)
    await insertScheduled(platform, tx, ownerOf(approval), schedule, sent)
  if (sent === null) await writeDelivery(platform, tx, delivery)
  else
    await tx
      .updateTable('approvals')
      .set({ sent_message_id: sent.id })
      .where('id', '=', approval.id)
      .execute()
  const data = {
    approval_id: approval.id,
    mailbox_id: mailbox.id,
    by: scope.actor,
    changed: changes.map(({ field }) => field),
    sent_message_id: sent?.id ?? null,
  }
  await appendEvents(platform, tx, [{ type: 'approval.approved', ...ownerOf(approval), data }])
  return await getApproval(tx, scope, approval.id)
}

function envelopeAfter(
  { envelope }: Approval,
  recipients: readonly HeldRecipient[],
  isChanged: boolean,
): HeldEnvelope {
  if (!isChanged) return envelope
  const recipientsBefore = envelope.recipients.map(({ address }) => address)
  return { ...envelope, recipients: [...recipients], recipientsBefore }
}

/** @throws Refusal forbidden, approval_not_found, approval_state_conflict. */
export async function rejectApproval(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  reason: string | null,
): Promise<Approval> {
  requireDecider(scope)
  const approval = await getApproval(tx, scope, id)
  await settle(platform, tx, scope, approval, { state: 'rejected', reason })
  const data = { approval_id: approval.id, mailbox_id: approval.mailbox_id, by: scope.actor, reason }
  await appendEvents(platform, tx, [{ type: 'approval.rejected', ...ownerOf(approval), data }])
  return await getApproval(tx, scope, approval.id)
}

/** Whoever is bound to a mailbox decides about nothing, least of all about what it sent. */
function requireDecider(scope: Scope): void {
  requireWrite(scope)
  requireWorkspace(scope)
}

function requirePending(platform: Platform, { state, expires_at: expiresAt }: Approval): void {
  if (state !== 'pending') throw new Refusal('approval_state_conflict', `It is ${state}.`)
  if (expiresAt <= platform.clock.now()) throw new Refusal('approval_state_conflict', 'It is expired.')
}

type Settling = {
  state: 'approved' | 'rejected'
  reason?: string | null
  envelope?: string
  changes?: string
  sent_body_id?: string
  body_id?: string
}

/** The one statement by which a decision counts. */
async function settle(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { id }: Approval,
  settling: Settling,
): Promise<void> {
  const now = platform.clock.now()
  const row = await tx
    .updateTable('approvals')
    .set({ ...settling, decided_at: now, decided_by: scope.actor })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  if (row !== undefined) return
  const after = await getApproval(tx, scope, id)
  requirePending(platform, after)
  throw new Refusal('approval_state_conflict')
}

function ownerOf({ organization_id, workspace_id, mailbox_id }: Approval) {
  return { organizationId: organization_id, workspaceId: workspace_id, mailboxId: mailbox_id }
}
