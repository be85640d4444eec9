/** The outbound queue: one row for the message, one for each recipient elsewhere. */
import type { MailboxOwner } from '../messages/owner.ts'
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { RemoteRecipient } from './recipients.ts'

export type OutboundMessage = {
  owner: MailboxOwner
  /** The reverse path; empty is the null sender. */
  mailFrom: string
  smtputf8: boolean
  recipients: readonly RemoteRecipient[]
}

/** Queues a message in the caller's transaction. The body must be written and held by the caller. */
export async function queueOutbound(
  platform: Platform,
  tx: Tx,
  bodyId: string,
  message: OutboundMessage,
): Promise<string> {
  const id = newId()
  const createdAt = platform.clock.now()
  await tx
    .insertInto('outbound_messages')
    .values({
      id,
      organization_id: message.owner.organizationId,
      workspace_id: message.owner.workspaceId,
      mailbox_id: message.owner.mailboxId,
      body_id: bodyId,
      mail_from: message.mailFrom,
      smtputf8: message.smtputf8,
      created_at: createdAt,
    })
    .execute()
  await tx
    .insertInto('outbound_recipients')
    .values(
      message.recipients.map((recipient) => ({
        id: newId(),
        outbound_message_id: id,
        rcpt_to: recipient.address,
        domain: recipient.domain,
        state: 'queued' as const,
        created_at: createdAt,
      })),
    )
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'message.queued',
      ...message.owner,
      data: { outbound_message_id: id, recipients: message.recipients.length },
    },
  ])
  return id
}
