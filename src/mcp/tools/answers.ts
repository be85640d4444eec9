/** Replies and forwards: the arguments that say how, and what they become. */
import * as z from 'zod'
import type { NewMessageParts } from '../../delivery/submission/compose.ts'
import { composeForward } from '../../delivery/submission/forward.ts'
import { readOriginal } from '../../delivery/submission/original.ts'
import { composeReply } from '../../delivery/submission/reply.ts'
import type { Mailbox } from '../../mailboxes/provision.ts'
import type { Platform } from '../../platform/platform.ts'
import { partsOf, type WrittenMessage } from './new-message.ts'

export const replyArguments = {
  reply_all: z.boolean().default(false).describe('Also to everyone else that the message was addressed to.'),
  quote: z.boolean().default(false).describe('Whether the original text follows what you write.'),
} as const

export const forwardArguments = {
  as_attachment: z
    .boolean()
    .default(false)
    .describe('Attach the message byte for byte, instead of putting it into the new one.'),
  include_attachments: z.boolean().default(true).describe('Whether its attachments go along.'),
} as const

/** @throws Refusal message_not_found, attachment_not_found, payload_too_large. */
export async function replyParts(
  platform: Platform,
  mailbox: Mailbox,
  messageId: string,
  written: WrittenMessage,
  { reply_all: all, quote }: { reply_all: boolean; quote: boolean },
): Promise<NewMessageParts> {
  const original = await readOriginal(platform, mailbox.id, messageId)
  const parts = await partsOf(platform, mailbox.id, written)
  return withText(await composeReply(platform, mailbox, original, parts, { all, list: false, quote }))
}

/** @throws Refusal as above. */
export async function forwardParts(
  platform: Platform,
  mailbox: Mailbox,
  messageId: string,
  written: WrittenMessage,
  how: { as_attachment: boolean; include_attachments: boolean },
): Promise<NewMessageParts> {
  const original = await readOriginal(platform, mailbox.id, messageId)
  const parts = await partsOf(platform, mailbox.id, written)
  const choice = how.as_attachment
    ? ({ mode: 'attachment' } as const)
    : ({ mode: 'inline', attachments: how.include_attachments } as const)
  return withText(await composeForward(platform, mailbox.id, original, parts, choice))
}

function withText(parts: NewMessageParts): NewMessageParts {
  return { ...parts, text: parts.text ?? (parts.html === null ? '' : null) }
}
