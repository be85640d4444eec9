/** The outbound queue's entrance: one row for the message, one for each recipient elsewhere, in the caller's transaction. */
import { sql } from 'kysely'
import type { MailboxOwner } from '../../messages/owner.ts'
import { holdBodies } from '../../messages/sweep.ts'
import { type Tx, together } from '../../platform/database.ts'
import { eventsStatement } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { countQueued } from '../limits/count.ts'
import type { ArcRecord, OutboundKind } from './tables.ts'

export type OutboundRecipient = {
  address: string
  /** Of the address, in A-labels. */
  domain: string
  /** RFC 3461 §4.1: 'never', or a comma list of 'success', 'failure', 'delay'; null when it was not said. */
  notify: string | null
  /** RFC 3461 §4.2, as it was given. */
  orcpt: string | null
}

export type OutboundMessage = {
  /** Whose queue it is in: the sender, for a forward the mailbox whose mail goes on. */
  owner: MailboxOwner
  kind: OutboundKind
  /** The reverse path; empty is the null sender. */
  mailFrom: string
  smtputf8: boolean
  /** Leading bytes of the body that are not sent. */
  skipBytes: number
  /** Bytes of the whole body. */
  bodyBytes: number
  signingDomain: string | null
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  /** Without angle brackets; null when the message has none. */
  messageId: string | null
  arc: ArcRecord | null
  /** Not before then; null is at once. */
  notBefore: Date | null
  recipients: readonly OutboundRecipient[]
}

/** A message with the body that it is sent from. The body's row must be there, or be written in the transaction. */
export type QueueEntry = { bodyId: string; message: OutboundMessage }

/** Queues messages. @returns their ids, in order. @throws SendingRefused when a sender may not send so much. */
export async function queueOutbound(
  platform: Platform,
  tx: Tx,
  entries: readonly QueueEntry[],
): Promise<string[]> {
  if (entries.length === 0) return []
  const now = platform.clock.now()
  const placed = entries.map((entry) => ({ id: newId(), ...entry }))
  await together(tx, [
    messagesStatement(placed, now),
    recipientsStatement(platform, placed, now),
    holdBodies(placed.map(({ bodyId, id }) => ({ bodyId, holderId: id }))),
    eventsStatement(
      platform,
      tx,
      placed.map(({ id, message }) => ({
        type: 'message.queued' as const,
        ...message.owner,
        data: { outbound_message_id: id, recipients: message.recipients.length },
      })),
    ),
  ])
  await countQueued(platform, tx, entries)
  return placed.map(({ id }) => id)
}

type Placed = QueueEntry & { id: string }

function messagesStatement(placed: readonly Placed[], now: Date) {
  const rows = placed.map(({ id, bodyId, message }) => ({
    id,
    organization_id: message.owner.organizationId,
    workspace_id: message.owner.workspaceId,
    mailbox_id: message.owner.mailboxId,
    body_id: bodyId,
    kind: message.kind,
    mail_from: message.mailFrom,
    smtputf8: message.smtputf8,
    skip_bytes: message.skipBytes,
    size_bytes: message.bodyBytes - message.skipBytes,
    signing_domain: message.signingDomain,
    ret: message.ret,
    envid: message.envid,
    require_tls: message.requireTls,
    message_id: message.messageId,
    arc: message.arc,
  }))
  return sql`/* prepared queue_messages */
    insert into outbound_messages (id, organization_id, workspace_id, mailbox_id, body_id, kind, mail_from, smtputf8,
      skip_bytes, size_bytes, signing_domain, ret, envid, require_tls, message_id, arc, created_at)
    select id, organization_id, workspace_id, mailbox_id, body_id, kind, mail_from, smtputf8, skip_bytes, size_bytes,
      signing_domain, ret, envid, require_tls, message_id, arc, ${now}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as new (id uuid, organization_id uuid, workspace_id uuid,
      mailbox_id uuid, body_id uuid, kind text, mail_from text, smtputf8 boolean, skip_bytes integer, size_bytes bigint,
      signing_domain text, ret text, envid text, require_tls boolean, message_id text, arc jsonb)`
}

function recipientsStatement(platform: Platform, placed: readonly Placed[], now: Date) {
  const lifetimeMs = platform.config.queueLifetime * 1000
  const rows = placed.flatMap(({ id, message }) => {
    const from = message.notBefore ?? now
    return message.recipients.map((recipient) => ({
      id: newId(),
      outbound_message_id: id,
      organization_id: message.owner.organizationId,
      workspace_id: message.owner.workspaceId,
      mailbox_id: message.owner.mailboxId,
      rcpt_to: recipient.address,
      domain: recipient.domain,
      next_attempt_at: from,
      expires_at: new Date(from.getTime() + lifetimeMs), // of a scheduled message the lifetime begins at its time
      notify: recipient.notify,
      orcpt: recipient.orcpt,
    }))
  })
  return sql`/* prepared queue_recipients */
    insert into outbound_recipients (id, outbound_message_id, organization_id, workspace_id, mailbox_id, rcpt_to, domain,
      state, next_attempt_at, expires_at, notify, orcpt, created_at)
    select id, outbound_message_id, organization_id, workspace_id, mailbox_id, rcpt_to, domain, 'queued',
      next_attempt_at, expires_at, notify, orcpt, ${now}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as new (id uuid, outbound_message_id uuid,
      organization_id uuid, workspace_id uuid, mailbox_id uuid, rcpt_to text, domain text, next_attempt_at timestamptz,
      expires_at timestamptz, notify text, orcpt text)`
}
