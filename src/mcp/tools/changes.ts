/** mark_messages and move_messages. */
import * as z from 'zod'
import { type ChangedMessages, changeByIds, type WantedEdit } from '../../messages/change-by-id.ts'
import { getStoredMailbox } from '../../messages/stored-mailbox.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Answer } from '../answer.ts'
import { changeOnce, idempotencyKey } from '../once.ts'
import { defineTool, mailboxRef, type Tool, type ToolCall } from '../tool.ts'
import { mailbox, messageId } from './arguments.ts'

const messagesMax = 100
const labelsMax = 50

const messageIds = z
  .array(messageId)
  .min(1)
  .max(messagesMax)
  .describe(`The ids of the messages, at most ${messagesMax}.`)

const labels = (what: string) =>
  z
    .array(z.string().min(1).max(100))
    .max(labelsMax)
    .optional()
    .describe(`Labels (IMAP keywords, no spaces) that they ${what}.`)

const markMessages = defineTool({
  name: 'mark_messages',
  title: 'Mark messages',
  description:
    'Marks messages as read or unread, flagged or answered, and adds or removes labels. Mail programs see it at once.',
  access: 'write',
  hints: { idempotentHint: true },
  input: z.object({
    mailbox,
    message_ids: messageIds,
    read: z.boolean().optional().describe('True: as read. False: as unread.'),
    flagged: z.boolean().optional().describe('Whether they are flagged.'),
    answered: z.boolean().optional().describe('Whether they count as answered.'),
    add_labels: labels('get'),
    remove_labels: labels('lose'),
    idempotency_key: idempotencyKey,
  }),
  async run(call, args) {
    const { read, flagged, answered, add_labels: added, remove_labels: removed } = args
    const edit: WantedEdit = {
      ...(read === undefined ? {} : { seen: read }),
      ...(flagged === undefined ? {} : { flagged }),
      ...(answered === undefined ? {} : { answered }),
      ...(added === undefined ? {} : { add_labels: added }),
      ...(removed === undefined ? {} : { remove_labels: removed }),
    }
    if (Object.keys(edit).length === 0) {
      throw new Refusal('invalid_request', 'Say what is to change: read, flagged, answered or labels.')
    }
    return await change(call, 'mark_messages', args, edit)
  },
})

const moveMessages = defineTool({
  name: 'move_messages',
  title: 'Move messages',
  description:
    'Moves messages to a folder; "trash" deletes them as mail programs do, "archive" files them, "junk" also teaches the ' +
    'spam filter. They keep their ids, and can be moved back.',
  access: 'write',
  hints: { idempotentHint: true },
  input: z.object({
    mailbox,
    message_ids: messageIds,
    folder: z
      .string()
      .min(1)
      .max(1000)
      .describe('The folder: its path, its id, or what it is for (inbox, archive, junk, trash).'),
    idempotency_key: idempotencyKey,
  }),
  run: (call, args) => change(call, 'move_messages', args, { folder: args.folder }),
})

type Changed = {
  mailbox?: string | undefined
  message_ids: string[]
  idempotency_key?: string | undefined
}

/** @throws Refusal message_not_found when none of them is there, and as changeByIds. */
async function change(call: ToolCall, tool: string, args: Changed, edit: WantedEdit): Promise<Answer> {
  const { platform, caller } = call
  const owner = await getStoredMailbox(platform, caller.scope, mailboxRef(call, args.mailbox))
  const ids = [...new Set(args.message_ids.map((id) => id.toLowerCase()))]
  return await changeOnce(call, tool, args, async (tx) => {
    const done = await changeByIds(platform, tx, owner, ids, { kind: 'edit', edit }, { check: requireSome })
    return changedAnswer(ids, done)
  })
}

function requireSome(messages: readonly unknown[]): void {
  if (messages.length === 0) throw new Refusal('message_not_found')
}

function changedAnswer(ids: readonly string[], { outcomes }: ChangedMessages): Answer {
  const missing = ids.filter((id) => !outcomes.has(id))
  const done = [...outcomes].map(([id, outcome]) => ({ id, outcome }))
  return {
    words: [
      ...done.map(({ id, outcome }) => `- ${id}: ${outcome}`),
      ...missing.map((id) => `- ${id}: there is no such message in this mailbox`),
    ].join('\n'),
    data: { messages: done, not_found: missing },
  }
}

export const changeTools: readonly Tool[] = [markMessages, moveMessages]
