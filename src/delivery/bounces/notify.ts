/**
 * Telling senders what became of their mail: delivery status notifications (RFC 3461, RFC 3464). What is told is marked
 * in the transaction that sends it, so that it is told once.
 */
import { type Selectable, sql } from 'kysely'
import { readBodyBytes } from '../../messages/bodies.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { sendGenerated } from '../outbound/generated.ts'
import type { OutboundMessagesTable } from '../outbound/tables.ts'
import { buildDsn } from './dsn-message.ts'
import type { DsnKind, DsnReport } from './dsn-report.ts'
import { type NotifiedRecipient, noticeFor } from './notices.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Added with every outcome that a sender may have to hear of: bounced, delayed, delivered with NOTIFY=SUCCESS. */
    'delivery.notify': { outbound_message_id: string }
  }
}

type Message = Selectable<OutboundMessagesTable>

/** Recipients in one report at most; of more there are several. */
const recipientsPerReport = 100

/** Tells the sender of a message what was not told yet. @throws when the database failed: a job tries again. */
export async function notifySender(platform: Platform, outboundMessageId: string): Promise<void> {
  const message = await platform.db
    .selectFrom('outbound_messages')
    .selectAll()
    .where('id', '=', outboundMessageId)
    .executeTakeFirst()
  if (!message) return
  const recipients = await recipientsOf(platform, outboundMessageId)
  if (message.mail_from === '') return await noteUndeliverable(platform, message, recipients)
  const now = platform.clock.now()
  const lifetimeMs = platform.config.queueLifetime * 1000
  const due = Map.groupBy(recipients, (recipient) => noticeFor(recipient, now, lifetimeMs))
  for (const kind of ['failed', 'delayed', 'relayed'] as const) {
    const told = due.get(kind) ?? []
    for (let at = 0; at < told.length; at += recipientsPerReport) {
      await sendReport(platform, message, kind, told.slice(at, at + recipientsPerReport))
    }
  }
}

async function recipientsOf(platform: Platform, messageId: string): Promise<NotifiedRecipient[]> {
  const { rows } = await sql<NotifiedRecipient>`
    select r.id, r.rcpt_to, r.state, r.notify, r.orcpt, r.delay_notified, r.notified_outcome, r.last_reply, r.last_class,
      r.expires_at, last.at as last_attempt_at, last.detail as last_detail
    from outbound_recipients r left join lateral (
      select at, detail from outbound_steps
      where outbound_recipient_id = r.id and step in ('attempted', 'delivered', 'deferred', 'bounced')
      order by id desc limit 1
    ) as last on true
    where r.outbound_message_id = ${messageId}::uuid
    order by r.id`.execute(platform.db)
  return rows
}

async function sendReport(
  platform: Platform,
  message: Message,
  kind: DsnKind,
  told: readonly NotifiedRecipient[],
): Promise<void> {
  const raw = buildDsn(await reportOf(platform, message, kind, told))
  const { hostname } = platform.config
  await sendGenerated(
    platform,
    {
      owner: ownerOf(message),
      kind: 'notification',
      mailFrom: '',
      to: [message.mail_from],
      raw,
      signingDomain: hostname,
    },
    (tx) => markTold(tx, kind, told),
  )
}

/** @throws when another job has told one of them meanwhile: then nothing of this one is sent. */
async function markTold(tx: Tx, kind: DsnKind, told: readonly NotifiedRecipient[]): Promise<void> {
  const ids = uuidArray(told.map(({ id }) => id))
  const { numAffectedRows } =
    kind === 'delayed'
      ? await sql`update outbound_recipients set delay_notified = true
          where id = any(${ids}) and not delay_notified`.execute(tx)
      : await sql`update outbound_recipients set notified_outcome = ${kind}
          where id = any(${ids}) and notified_outcome is null`.execute(tx)
  if (Number(numAffectedRows) !== told.length) throw new Error('a report was sent by another job meanwhile')
}

/** A report of the null sender's mail would go to nobody, or round and round (RFC 5321 §6.1): the log tells alone. */
async function noteUndeliverable(
  platform: Platform,
  message: Message,
  recipients: readonly NotifiedRecipient[],
): Promise<void> {
  const bounced = recipients.filter(
    ({ state, notified_outcome }) => state === 'bounced' && notified_outcome === null,
  )
  if (bounced.length === 0) return
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string; rcpt_to: string }>`
      update outbound_recipients set notified_outcome = 'undeliverable'
      where id = any(${uuidArray(bounced.map(({ id }) => id))}) and notified_outcome is null
      returning id, rcpt_to`.execute(tx)
    await appendEvents(
      platform,
      tx,
      rows.map(({ id, rcpt_to }) => ({
        type: 'message.bounce_undeliverable' as const,
        ...ownerOf(message),
        data: { outbound_message_id: message.id, outbound_recipient_id: id, rcpt_to },
      })),
    )
  })
}

async function reportOf(
  platform: Platform,
  message: Message,
  kind: DsnKind,
  told: readonly NotifiedRecipient[],
): Promise<DsnReport> {
  const { hostname } = platform.config
  return {
    kind,
    hostname,
    messageId: `${newId()}@${hostname}`,
    at: platform.clock.now(),
    to: message.mail_from,
    envid: message.envid,
    arrivedAt: message.created_at,
    recipients: told.map((recipient) => ({
      rcptTo: recipient.rcpt_to,
      orcpt: recipient.orcpt,
      bounceClass: recipient.last_class,
      reply: recipient.last_reply,
      remoteHost: recipient.last_detail?.host ?? null,
      lastAttemptAt: recipient.last_attempt_at,
      retryUntil: kind === 'delayed' ? recipient.expires_at : null,
    })),
    original: await originalOf(platform, message, kind),
  }
}

/** Of a larger message the header alone is returned. */
const returnedBytesMax = 256 * 1024

/** RFC 3461 §4.3: the whole message only where it was asked for, and only with a failure. */
async function originalOf(
  platform: Platform,
  message: Message,
  kind: DsnKind,
): Promise<DsnReport['original']> {
  const body = await platform.db
    .selectFrom('bodies')
    .select(['structure', 'envelope'])
    .where('id', '=', message.body_id)
    .executeTakeFirst()
  if (!body) return null // the job waited so long that the sweep was first
  const start = message.skip_bytes
  const isWhole = kind === 'failed' && message.ret === 'full' && message.size_bytes <= returnedBytesMax
  const headerEnd = Math.min(body.structure.bodyStart, start + returnedBytesMax)
  const end = isWhole ? start + message.size_bytes : headerEnd
  const bytes = await readBodyBytes(platform.db, message.body_id, { start, end })
  return {
    messageId: message.message_id?.replace(/^<(.*)>$/, '$1') ?? null,
    subject: body.envelope.subject,
    header: bytes.subarray(0, headerEnd - start),
    message: isWhole ? bytes : null,
  }
}

function ownerOf(message: Message) {
  return {
    organizationId: message.organization_id,
    workspaceId: message.workspace_id,
    mailboxId: message.mailbox_id,
  }
}
