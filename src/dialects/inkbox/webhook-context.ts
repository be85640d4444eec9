/** What came before a message, for those who want it told with the message: of its thread, and within bounds. */

import { blockedFolderPath } from '../../messages/direction.ts'
import { type ManyMessage, readManyMessages } from '../../messages/many-messages.ts'
import { fieldsOf } from '../../messages/message-fields.ts'
import { messagesBefore } from '../../messages/threads/before-in-thread.ts'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ContextChoice, ContextChoices } from './webhook-settings.ts'
import { readTexts } from './webhook-texts.ts'

/** Bytes of all that is told of it. */
export const contextBytesMax = 256 * 1024
/** Messages of a window. */
const windowMessagesMax = 200

export type ContextWanted = { message: ManyMessage; choices: ContextChoices }

/** The blocks by class, in the order of what is asked for. */
export async function readContexts(
  platform: Platform,
  db: Db,
  wanted: readonly ContextWanted[],
): Promise<Record<string, object>[]> {
  const asked = wanted.flatMap(({ message, choices: { email } }, place) =>
    email === null ? [] : [{ message, email, place }],
  )
  const before = await messagesBefore(
    db,
    asked.map(({ message, email }) => ({
      mailboxId: message.mailboxId,
      threadId: message.threadId,
      before: message.id,
      since: email.mode === 'window' ? hoursBefore(message.internalDate, email.hours) : null,
      countMax: email.mode === 'count' ? email.count : windowMessagesMax + 1,
    })),
    blockedFolderPath,
  )
  const refs = asked.flatMap(({ message: { mailboxId } }, index) =>
    (before[index] ?? []).map((id) => ({ mailboxId, id })),
  )
  const messages = await readManyMessages(db, [...new Map(refs.map((ref) => [ref.id, ref])).values()])
  const texts = await readTexts(platform, db, [...messages.values()], new Set())
  const contexts = wanted.map(
    ({ choices: { texts, calls } }): Record<string, object> => ({
      ...(texts === null ? {} : { texts: skipped('conversation', texts) }),
      ...(calls === null ? {} : { calls: skipped('contact', calls) }),
    }),
  )
  for (const [index, { email, place }] of asked.entries()) {
    const items = (before[index] ?? []).flatMap((id) => {
      const message = messages.get(id)
      return message === undefined ? [] : [itemOf(message, texts.get(id)?.snippet ?? '')]
    })
    const context = contexts[place]
    if (context) context['email'] = mailBlock(email, items)
  }
  return contexts
}

function hoursBefore(at: Date, hours: number): Date {
  return new Date(at.getTime() - hours * 3_600_000)
}

function asked(choice: ContextChoice) {
  return choice.mode === 'count'
    ? { mode: choice.mode, requested: choice.count }
    : { mode: choice.mode, hours: choice.hours }
}

/** There are no texts and no calls here. */
function skipped(scope: string, choice: ContextChoice): object {
  return { scope, items: [], truncated: false, ...asked(choice), skipped: 'no_resource' }
}

/** The oldest are dropped first. */
function mailBlock(choice: ContextChoice, items: readonly object[]): object {
  let bytes = 0
  let first = items.length
  while (first > 0 && items.length - first < windowMessagesMax) {
    bytes += Buffer.byteLength(JSON.stringify(items[first - 1])) + 1
    if (bytes > contextBytesMax - 1024) break
    first--
  }
  return { scope: 'thread', items: items.slice(first), truncated: first > 0, ...asked(choice) }
}

function itemOf({ id, isOwn, address, envelope, internalDate }: ManyMessage, snippet: string): object {
  const { from, to, subject } = fieldsOf(envelope, 'short')
  return {
    id,
    direction: isOwn ? 'outbound' : 'inbound',
    from_address: from[0]?.address ?? '',
    to_addresses: to.map((person) => person.address),
    created_at: internalDate.toISOString(),
    subject,
    snippet: snippet === '' ? null : snippet,
    email_address: address,
  }
}
