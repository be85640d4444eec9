/** A message that says what it answers: a message of the mailbox, a thread, or a Message-ID that it does not have. */
import { type Static, Type } from 'typebox'
import type { Purpose, WrittenMessage } from '../../delivery/submission/written.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { findByMessageId } from '../../messages/find-by-message-id.ts'
import { getMessage } from '../../messages/find-message.ts'
import { getThread } from '../../messages/threads/thread-list.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { Uuid } from './schemas.ts'
import { refuse } from './written-fields.ts'

export const answeringFields = {
  in_reply_to_message_id: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: 'The Message-ID of the message that it answers, or its id.',
    }),
  ),
  thread_id: Type.Optional(Uuid),
} as const

export type Answering = { written: WrittenMessage; purpose: Purpose }

/** A message that names another joins its thread, and answers it. @throws Refusal thread_not_found, invalid_request. */
export async function answering(
  platform: Platform,
  { id: mailboxId }: Mailbox,
  written: WrittenMessage,
  { in_reply_to_message_id: named, thread_id: threadId }: Static<Type.TObject<typeof answeringFields>>,
): Promise<Answering> {
  const replyTo = (messageId: string): Answering => ({
    written: { ...written, subject: written.subject ?? '' },
    purpose: { kind: 'reply', messageId, choice: { all: false, list: false, quote: false } },
  })
  if (named !== undefined) {
    const id = isId(named)
      ? (await getMessage(platform.db, mailboxId, named)).id
      : await findByMessageId(platform.db, mailboxId, named)
    return id === null ? referring(written, named) : replyTo(id)
  }
  if (threadId === undefined) return { written, purpose: null }
  const newest = (await getThread(platform, mailboxId, threadId))?.at(-1)
  if (newest === undefined) throw new Refusal('thread_not_found')
  return replyTo(newest.id)
}

/** It answers what the mailbox does not have. */
function referring(written: WrittenMessage, named: string): Answering {
  const id = named.trim().replace(/^<?([^<>\s]+@[^<>\s]+?)>?$/, '<$1>')
  if (!/^<[!-;=?-~]{1,900}>$/.test(id)) {
    refuse([{ pointer: '/in_reply_to_message_id', detail: 'is no Message-ID and no id of a message' }])
  }
  return { written: { ...written, headers: { 'In-Reply-To': id, References: id } }, purpose: null }
}
