/** For tests of bounces: messages in the outbound queue, and what became of their recipients. */
import { sql } from 'kysely'
import type { OutboundMessage, OutboundRecipient } from '../delivery/outbound/queue.ts'
import { queueOutbound } from '../delivery/outbound/queue.ts'
import type { OutboundState, OutboundStep, StepDetail } from '../delivery/outbound/tables.ts'
import { insertBodies } from '../messages/bodies.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { stage } from './test-mail.ts'
import { outboundMessage } from './test-outbound.ts'

export function sentMessage(id: string, text = 'hello'): Buffer {
  return Buffer.from(
    [
      'From: Sender <sender@demo.test>',
      'To: ann@example.org',
      'Subject: Offer',
      `Message-ID: <${id}>`,
      '',
      text,
      '',
    ].join('\r\n'),
  )
}

/** Puts a message into the queue, with a Return-Path in front that is not sent. @returns its id. */
export async function queueMessage(
  platform: Platform,
  owner: MailboxOwner,
  raw: Buffer,
  recipients: readonly (Partial<OutboundRecipient> & { address: string })[],
  more: Partial<OutboundMessage> = {},
): Promise<string> {
  const returnPath = Buffer.from('Return-Path: <sender@demo.test>\r\n')
  const body = await stage(platform, Buffer.concat([returnPath, raw]))
  const message = outboundMessage(
    owner,
    recipients.map(({ address }) => address),
    { skipBytes: returnPath.length, bodyBytes: body.sizeBytes, messageId: body.parsed.messageId, ...more },
  )
  const all = message.recipients.map((recipient, at) => ({ ...recipient, ...recipients[at] }))
  return await transaction(platform.db, async (tx) => {
    await insertBodies(tx, [body], platform.clock.now())
    const [id] = await queueOutbound(platform, tx, [
      { bodyId: body.id, message: { ...message, recipients: all } },
    ])
    if (id === undefined) throw new Error('nothing was queued')
    return id
  })
}

export type Fate = {
  state: OutboundState
  step: OutboundStep
  reply?: string
  class?: string
  detail?: StepDetail
}

/** What the sending of a message came to for a recipient. */
export async function decideFate(
  platform: Platform,
  messageId: string,
  address: string,
  { state, step, reply, class: bounceClass, detail = {} }: Fate,
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    update outbound_recipients set state = ${state}, last_reply = ${reply ?? null}, last_class = ${bounceClass ?? null},
      attempts = attempts + 1
    where outbound_message_id = ${messageId}::uuid and rcpt_to = ${address} returning id`.execute(platform.db)
  const id = rows[0]?.id ?? ''
  await platform.db
    .insertInto('outbound_steps')
    .values({
      outbound_recipient_id: id,
      id: newId(),
      step,
      at: platform.clock.now(),
      detail: JSON.stringify(detail),
    })
    .execute()
  return id
}
