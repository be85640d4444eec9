/** Replies and forwards: the arguments that say how. */
import * as z from 'zod'
import type { Purpose } from '../../delivery/submission/written.ts'

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

export function replyOf(
  messageId: string,
  { reply_all: all, quote }: { reply_all: boolean; quote: boolean },
): Purpose {
  return { kind: 'reply', messageId, choice: { all, list: false, quote } }
}

export function forwardOf(
  messageId: string,
  how: { as_attachment: boolean; include_attachments: boolean },
): Purpose {
  const choice = how.as_attachment
    ? ({ mode: 'attachment' } as const)
    : ({ mode: 'inline', attachments: how.include_attachments } as const)
  return { kind: 'forward', messageId, choice }
}
