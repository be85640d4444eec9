/** What a program writes of a message, and what comes of it: a new message, a reply or a forward, which every face sends alike. */

import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { getMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { NewMessageParts, Person } from './compose.ts'
import { composeForward, type ForwardChoice } from './forward.ts'
import { lockForSending } from './lock-folders.ts'
import { type Answer, markAnswered } from './mark-answered.ts'
import { readOriginal } from './original.ts'
import { composeReply, type ReplyChoice, type Written } from './reply.ts'
import { type AttachmentSource, resolveAttachments } from './stored-attachments.ts'
import {
  answering,
  type PreparedSubmission,
  prepareSubmission,
  type Submitted,
  submitPrepared,
} from './submit.ts'

/** What was written; null is what was not said. */
export type WrittenMessage = {
  to: Person[] | null
  cc: Person[] | null
  bcc: Person[] | null
  replyTo: Person[] | null
  subject: string | null
  text: string | null
  html: string | null
  headers: Record<string, string> | null
  attachments: AttachmentSource[] | null
  sendAt: Date | null
  /** Whether it is counted how often its HTML is opened. */
  trackOpens?: boolean
}

/** What it is: a message of its own (null), or one that follows from another. */
export type Purpose =
  | { kind: 'reply'; messageId: string; choice: ReplyChoice }
  | { kind: 'forward'; messageId: string; choice: ForwardChoice }
  | null

/** The message that becomes answered or forwarded when the parts are sent; null: none. */
export type WrittenParts = { parts: NewMessageParts; answers: Answer | null }

/** Header injection: a line end in a field would begin another one. */
export function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ')
}

/** @throws Refusal message_not_found, attachment_not_found, payload_too_large; invalid_request where there is no list to reply to. */
export async function partsOfWritten(
  platform: Platform,
  mailbox: Mailbox,
  written: WrittenMessage,
  purpose: Purpose,
): Promise<WrittenParts> {
  if (purpose === null) {
    const said = await saidParts(platform, mailbox.id, written)
    return { parts: withText({ ...said, to: said.to ?? [], subject: said.subject ?? '' }), answers: null }
  }
  const { kind, messageId, choice } = purpose
  const original = await readOriginal(platform, mailbox.id, messageId)
  if (kind === 'reply' && choice.list && original.listPost === null) {
    const fields = [
      { pointer: '/reply_list', detail: 'the message did not come by a list that takes replies' },
    ]
    throw new Refusal('invalid_request', 'There is no list to reply to.', { fields })
  }
  const said = await saidParts(platform, mailbox.id, written)
  const parts =
    kind === 'reply'
      ? await composeReply(platform, mailbox, original, said, choice)
      : await composeForward(platform, mailbox.id, original, said, choice)
  return { parts: withText(parts), answers: { messageId, kind } }
}

export type PreparedWritten = { prepared: PreparedSubmission; answers: Answer | null }

/**
 * Judges and composes, before the transaction.
 * @param ref the mailbox's id or address, or the mailbox that the scope has just found.
 * @throws Refusal as partsOfWritten and prepareSubmission.
 */
export async function prepareWritten(
  platform: Platform,
  scope: Scope,
  ref: string | Mailbox,
  written: WrittenMessage,
  purpose: Purpose,
): Promise<PreparedWritten> {
  requireWrite(scope)
  const mailbox = typeof ref === 'string' ? await getMailbox(platform, scope, ref) : ref
  const { parts, answers } = await partsOfWritten(platform, mailbox, written, purpose)
  if (parts.to.length + parts.cc.length + parts.bcc.length === 0) {
    const fields = [{ pointer: '/to', detail: 'is needed: the message names nobody to write to' }]
    throw new Refusal('invalid_request', 'The message has no recipient.', { fields })
  }
  const submission = { ...parts, sendAt: written.sendAt, trackOpens: written.trackOpens === true }
  return { prepared: await prepareSubmission(platform, scope, mailbox, submission), answers }
}

/** Writes what was prepared, and notes the answer at what it answers. @throws Refusal as submitPrepared. */
export async function submitWritten(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { prepared, answers }: PreparedWritten,
): Promise<Submitted> {
  if (answers === null) return await submitPrepared(platform, tx, scope, prepared)
  await lockForSending(tx, scope, prepared, [answers.messageId])
  const submitted = await submitPrepared(platform, tx, scope, answering(prepared, answers))
  await markAnswered(platform, tx, subject(prepared.mailbox), answers)
  return submitted
}

async function saidParts(platform: Platform, mailboxId: string, written: WrittenMessage): Promise<Written> {
  return {
    to: written.to,
    cc: written.cc ?? [],
    bcc: written.bcc ?? [],
    replyTo: written.replyTo ?? [],
    subject: written.subject,
    text: written.text,
    html: written.html,
    headers: written.headers ?? {},
    attachments: await resolveAttachments(platform, mailboxId, written.attachments ?? []),
  }
}

/** A message without any text has an empty one. */
function withText(parts: NewMessageParts): NewMessageParts {
  return { ...parts, text: parts.text ?? (parts.html === null ? '' : null) }
}
