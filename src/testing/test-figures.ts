/** Mail that has left, for tests of what is counted of it: rows of the queue whose way has ended. */
import type { OutboundKind, OutboundState } from '../delivery/outbound/tables.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'

export type SentMail = {
  state: OutboundState
  /** How many recipients. Default: 1. */
  count?: number
  /** Default: now. */
  daysAgo?: number
  kind?: OutboundKind
  /** Of a bounce. */
  class?: string
}

export async function addSent(
  { db, clock }: Platform,
  owner: MailboxOwner,
  { state, count = 1, daysAgo = 0, kind = 'submission', class: last = 'unknown_recipient' }: SentMail,
): Promise<void> {
  const at = new Date(clock.now().getTime() - daysAgo * 86_400_000)
  const whose = {
    organization_id: owner.organizationId,
    workspace_id: owner.workspaceId,
    mailbox_id: owner.mailboxId,
  }
  const message = { id: newId(), ...whose, body_id: newId(), mail_from: 'a@demo.test', smtputf8: false, kind }
  await db
    .insertInto('outbound_messages')
    .values({
      ...message,
      signing_domain: null,
      ret: null,
      envid: null,
      message_id: null,
      arc: null,
      created_at: at,
    })
    .execute()
  const isDone = state === 'delivered' || state === 'bounced' || state === 'cancelled'
  const recipients = Array.from({ length: count }, (_, index) => ({
    id: newId(),
    outbound_message_id: message.id,
    ...whose,
    rcpt_to: `to${index}@elsewhere.example`,
    domain: 'elsewhere.example',
    state,
    next_attempt_at: at,
    expires_at: new Date(at.getTime() + 5 * 86_400_000),
    node_id: null,
    held_reason: null,
    notify: null,
    orcpt: null,
    notified_outcome: null,
    last_reply: null,
    last_class: state === 'bounced' ? last : null,
    finished_at: isDone ? at : null,
    created_at: at,
  }))
  await db.insertInto('outbound_recipients').values(recipients).execute()
}
