/** create_draft and update_draft: nothing is sent. */

import * as z from 'zod'
import { requireWrite } from '../../accounts/principals.ts'
import { editedParts, stageDraft } from '../../delivery/drafts/draft-parts.ts'
import { insertDraft, replaceDraft } from '../../delivery/drafts/edit-drafts.ts'
import { type Draft, getDraft } from '../../delivery/drafts/find-drafts.ts'
import type { NewMessageParts } from '../../delivery/submission/compose.ts'
import { type Purpose, partsOfWritten, type WrittenMessage } from '../../delivery/submission/written.ts'
import { getMailbox, lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Answer } from '../answer.ts'
import { changePrepared, idempotencyKey } from '../once.ts'
import { defineTool, mailboxRef, type Tool, type ToolCall } from '../tool.ts'
import { forwardArguments, forwardOf, replyArguments, replyOf } from './answers.ts'
import { mailbox } from './arguments.ts'
import { NewMessage, readWritten } from './new-message.ts'

const NewDraft = z.object({
  mailbox,
  ...NewMessage.shape,
  reply_to_message_id: z.uuid().optional().describe('The message that it answers.'),
  forward_message_id: z.uuid().optional().describe('The message that it passes on.'),
  ...replyArguments,
  ...forwardArguments,
  idempotency_key: idempotencyKey,
})

const createDraft = defineTool({
  name: 'create_draft',
  title: 'Create a draft',
  description:
    'Writes a draft, which a person can look at in any mail program and send_draft sends: a new message, a reply to ' +
    'reply_to_message_id, or a forward of forward_message_id. Nothing is sent.',
  access: 'write',
  input: NewDraft,
  async run(call, args) {
    const { platform, caller } = call
    return await changePrepared(
      call,
      'create_draft',
      args,
      async () => {
        const written = readWritten(args)
        const from = await ownerOf(call, args.mailbox)
        const { parts, answers } = await partsOfWritten(platform, from, written, purposeOf(args))
        return {
          from,
          info: { sendAt: written.sendAt, answers },
          staged: await stageDraft(platform, from, parts),
        }
      },
      async (tx, { from, info, staged }) => {
        await lockMailbox(tx, caller.scope, from.id)
        const stored = await insertDraft(platform, tx, subject(from), staged, info)
        return draftAnswer('Created', stored.id, stored.id)
      },
    )
  },
})

function purposeOf(args: z.output<typeof NewDraft>): Purpose {
  const { reply_to_message_id: replied, forward_message_id: forwarded } = args
  if (replied !== undefined && forwarded !== undefined) {
    throw new Refusal('invalid_request', 'A draft answers a message or passes one on.')
  }
  if (replied !== undefined) return replyOf(replied, args)
  return forwarded === undefined ? null : forwardOf(forwarded, args)
}

const updateDraft = defineTool({
  name: 'update_draft',
  title: 'Change a draft',
  description:
    'Changes a draft: what is given takes the place of what stands there, the rest stays. Nothing is sent.',
  access: 'write',
  hints: { destructiveHint: true, idempotentHint: true },
  input: z.object({
    mailbox,
    draft_id: z.uuid().describe('The draft: draft_id of create_draft, or the id of its message.'),
    version: z
      .uuid()
      .optional()
      .describe('version of the draft as you know it: if somebody has changed it since, nothing is done.'),
    ...NewMessage.shape,
    idempotency_key: idempotencyKey,
  }),
  async run(call, args) {
    const { platform, caller } = call
    return await changePrepared(
      call,
      'update_draft',
      args,
      async () => {
        const written = readWritten(args)
        const from = await ownerOf(call, args.mailbox)
        const draft = await getDraft(platform.db, from.id, args.draft_id)
        if (args.version !== undefined && args.version.toLowerCase() !== draft.message.id) {
          throw new Refusal('edit_conflict')
        }
        const staged = await stageDraft(platform, from, await changedParts(platform, draft, written))
        return { from, draft, staged, sendAt: written.sendAt ?? draft.sendAt }
      },
      async (tx, { from, draft, staged, sendAt }) => {
        await lockMailbox(tx, caller.scope, from.id)
        const stored = await replaceDraft(platform, tx, subject(from), draft, staged, sendAt)
        return draftAnswer('Changed', draft.id, stored.id)
      },
    )
  },
})

async function changedParts(
  platform: Platform,
  { message }: Draft,
  written: WrittenMessage,
): Promise<NewMessageParts> {
  // A new text without HTML is the whole of it: the HTML that stands there says something else.
  return await editedParts(platform, message, written, (before) => ({
    text: written.text ?? (written.html === null ? before.text : null),
    html: written.html ?? (written.text === null ? before.html : null),
  }))
}

function draftAnswer(what: string, draftId: string, version: string): Answer {
  return {
    words: `${what} the draft ${draftId} (version ${version}). It is not sent: send_draft does that.`,
    data: { draft_id: draftId, version },
  }
}

/** @throws Refusal forbidden, mailbox_not_found. */
async function ownerOf(call: ToolCall, named: string | undefined): Promise<Mailbox> {
  const { platform, caller } = call
  requireWrite(caller.scope)
  return await getMailbox(platform, caller.scope, mailboxRef(call, named))
}

export const draftTools: readonly Tool[] = [createDraft, updateDraft]
