/** Holding: a message that must be approved is stored whole, and nothing of it goes anywhere. */
import { sql } from 'kysely'
import { isServed } from '../../mailboxes/lifecycle.ts'
import { insertBodies, type StagedBody } from '../../messages/bodies.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { holdBodies } from '../../messages/sweep.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { storableText } from '../storable-text.ts'
import type { Answer } from '../submission/mark-answered.ts'
import { askedOf, type SendingVerdict, sendingPolicyOf } from './sending-mode.ts'
import type { ApprovalSource, HeldEnvelope } from './tables.ts'

/** A message that is to wait. */
export type NewHeld = {
  owner: MailboxOwner
  source: ApprovalSource
  /** Who asks; see the table. */
  requestedBy: string
  verdict: Extract<SendingVerdict, { kind: 'hold' }>
  arrival: Pick<
    Arrival,
    'mailFrom' | 'ret' | 'envid' | 'requireTls' | 'notBefore' | 'local' | 'remote' | 'asked'
  >
  body: StagedBody
  skipBytes: number
  answers?: Answer
}

const subjectCharsMax = 500
const dayMs = 24 * 3600 * 1000

/**
 * Writes what waits, with its body, in the transaction after which the sender is told.
 * @returns the id of the approval.
 * @throws Refusal sending_limit_reached when as many of the mailbox wait as may.
 */
export async function holdMessage(platform: Platform, tx: Tx, held: NewHeld): Promise<string> {
  const { owner, arrival, body, verdict } = held
  const policy = await sendingPolicyOf(platform, owner, tx)
  await requirePlace(tx, owner, policy.approvals_pending_max)
  const now = platform.clock.now()
  const expiresAt = new Date(now.getTime() + policy.approval_days * dayMs)
  const id = newId()
  const envelope = envelopeOf(arrival, held.answers)
  await insertBodies(tx, [body], now)
  await holdBodies([{ bodyId: body.id, holderId: id }]).execute(tx)
  await tx
    .insertInto('approvals')
    .values({
      id,
      organization_id: owner.organizationId,
      workspace_id: owner.workspaceId,
      mailbox_id: owner.mailboxId,
      state: 'pending',
      source: held.source,
      requested_by: held.requestedBy,
      held_by: verdict.heldBy,
      new_recipients: verdict.newRecipients,
      mail_from: arrival.mailFrom,
      envelope: JSON.stringify(envelope),
      subject: subjectOf(body.parsed.envelope.subject),
      message_id: body.parsed.messageId?.replace(/^<|>$/g, '') ?? null,
      size_bytes: body.sizeBytes - held.skipBytes,
      body_id: body.id,
      skip_bytes: held.skipBytes,
      created_at: now,
      expires_at: expiresAt,
      decided_at: null,
      decided_by: null,
      reason: null,
      changes: null,
      sent_body_id: null,
      sent_message_id: null,
    })
    .execute()
  const data = {
    approval_id: id,
    mailbox_id: owner.mailboxId,
    requested_by: held.requestedBy,
    held_by: verdict.heldBy,
    recipients: envelope.recipients.length,
    expires_at: expiresAt.toISOString(),
  }
  await appendEvents(platform, tx, [{ type: 'approval.requested', ...ownerOf(owner), data }])
  return id
}

/** A login has more than that. */
function ownerOf({ organizationId, workspaceId, mailboxId }: MailboxOwner): MailboxOwner {
  return { organizationId, workspaceId, mailboxId }
}

/** Locked, so that those that come at the same moment are counted, and none comes while the mailbox is suspended. */
async function requirePlace(tx: Tx, { mailboxId }: MailboxOwner, max: number): Promise<void> {
  const mailbox = await tx
    .selectFrom('mailboxes')
    .select('state')
    .where('id', '=', mailboxId)
    .forUpdate()
    .executeTakeFirst()
  if (mailbox === undefined || !isServed(mailbox.state))
    throw new Refusal('mailbox_state_conflict', 'The mailbox cannot send now.')
  const { rows } = await sql<{ pending: number }>`
    select count(*)::int as pending from approvals where mailbox_id = ${mailboxId}::uuid and state = 'pending'`.execute(
    tx,
  )
  const pending = rows[0]?.pending ?? 0
  if (pending < max) return
  throw new Refusal(
    'sending_limit_reached',
    `${pending} messages of the mailbox wait for an approval, and no more may until one is decided.`,
  )
}

function envelopeOf(arrival: NewHeld['arrival'], answers: Answer | undefined): HeldEnvelope {
  const said = new Map(arrival.asked?.map((one) => [one.address, one]))
  return {
    ret: arrival.ret,
    envid: arrival.envid,
    requireTls: arrival.requireTls,
    notBefore: arrival.notBefore?.toISOString() ?? null,
    recipients: askedOf(arrival).map((address) => ({
      address,
      notify: said.get(address)?.notify ?? null,
      orcpt: said.get(address)?.orcpt ?? null,
    })),
    ...(answers === undefined ? {} : { answers }),
  }
}

function subjectOf(raw: string | null): string | null {
  return raw === null ? null : storableText(decodeHeaderText(raw).slice(0, subjectCharsMax))
}
