/** wait_for_message: returns when mail arrives that matches, or when the time is up. */
import * as z from 'zod'
import { getMessage } from '../../messages/find-message.ts'
import { listFolders } from '../../messages/folders.ts'
import { chooseFolder } from '../../messages/message-list.ts'
import { readMessageIfThere } from '../../messages/read-message.ts'
import { getStoredMailbox } from '../../messages/stored-mailbox.ts'
import { type ArrivalPlace, encodePlace, placeCharsMax } from '../../messages/waiting/arrival-cursor.ts'
import { startOfWait } from '../../messages/waiting/start.ts'
import { type Waited, waitForMessage, waitSecondsMax } from '../../messages/waiting/wait.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Answer } from '../answer.ts'
import { mcpLimits } from '../limits.ts'
import { defineTool, mailboxRef, type Tool, type ToolCall } from '../tool.ts'
import { mailbox } from './arguments.ts'
import { messageAnswer } from './read.ts'

const words = (what: string) =>
  z.string().min(1).max(200).optional().describe(`Only a message with this ${what}, in any case.`)

const waitTool = defineTool({
  name: 'wait_for_message',
  title: 'Wait for a message',
  description:
    'Waits until a message arrives that matches everything that is asked for, and gives it as read_message does, with its ' +
    'one-time codes and links. When the time is up it says so: call again with after, so that nothing is missed. What ' +
    'arrived before the call does not count unless since or after says so. Nothing is marked as read. Untrusted content.',
  access: 'read',
  input: z.object({
    mailbox,
    timeout_seconds: z
      .int()
      .min(0)
      .max(waitSecondsMax)
      .default(mcpLimits.waitSeconds)
      .describe('How long to wait at most; 0 only looks. Many clients give up after 60 seconds.'),
    since: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Also what was received then or later: an ISO 8601 moment with a time zone.'),
    after: z
      .string()
      .min(1)
      .max(Math.max(placeCharsMax, 36))
      .optional()
      .describe('next of the result before, or the id of a message: what came after it counts.'),
    from: words('text in its author’s name or address'),
    to: words('text in a recipient’s name or address'),
    subject: words('text in its subject'),
    text: words('text in it'),
    has_attachments: z.boolean().optional().describe('Only a message with attachments, or only without.'),
    has_code: z.boolean().optional().describe('Only a message with a one-time code, or only without.'),
    folder: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe('A folder’s path, id or use, such as junk. Left out: all but Sent, Drafts, Junk and Trash.'),
  }),
  async run(call, args) {
    const { platform, caller } = call
    const { mailboxId } = await getStoredMailbox(platform, caller.scope, mailboxRef(call, args.mailbox))
    using _progress = tellProgress(call, args.timeout_seconds)
    const waited = await waitForMessage(platform, {
      mailboxId,
      callerId: caller.principal.id,
      folderId: await folderOf(platform, mailboxId, args.folder),
      filter: {
        from: args.from ?? null,
        to: args.to ?? null,
        subject: args.subject ?? null,
        text: args.text ?? null,
        hasAttachments: args.has_attachments ?? null,
        hasCode: args.has_code ?? null,
      },
      from: await placeOf(platform, mailboxId, args),
      timeoutMs: args.timeout_seconds * 1000,
      signal: call.signal,
    })
    if (call.signal.aborted) throw new Refusal('shutting_down')
    return await waitedAnswer(platform, mailboxId, waited)
  },
})

async function waitedAnswer(platform: Platform, mailboxId: string, { found, next }: Waited): Promise<Answer> {
  const after = encodePlace(next)
  const message = found === null ? null : await readMessageIfThere(platform, mailboxId, found.id)
  if (message === null) {
    return {
      words: `No such message has come. To go on waiting without a gap, call again with after: ${after}`,
      data: { message: null, next: after },
    }
  }
  const { words: said, data, ...rest } = messageAnswer(message)
  return {
    ...rest,
    words: `${said}\nTo wait for the next one, call again with after: ${after}`,
    data: { message: data, next: after },
  }
}

function tellProgress({ report }: ToolCall, seconds: number): Disposable {
  const begun = performance.now()
  const timer = setInterval(() => {
    const passed = Math.min(seconds, Math.round((performance.now() - begun) / 1000))
    report(passed, seconds, 'No such message yet')
  }, mcpLimits.progressMs)
  report(0, seconds, 'Waiting for a message')
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** @throws Refusal folder_not_found. */
async function folderOf(
  platform: Platform,
  mailboxId: string,
  wanted: string | undefined,
): Promise<string | null> {
  if (wanted === undefined) return null
  return chooseFolder(await listFolders(platform, mailboxId), wanted).id
}

/** @throws Refusal invalid_request, invalid_cursor, message_not_found. */
async function placeOf(
  platform: Platform,
  mailboxId: string,
  { since, after }: { since?: string | undefined; after?: string | undefined },
): Promise<ArrivalPlace> {
  if (after !== undefined && isId(after)) await getMessage(platform.db, mailboxId, after)
  const moment = since === undefined ? null : new Date(since)
  return await startOfWait(platform, mailboxId, { since: moment, after: after ?? null })
}

export const waitTools: readonly Tool[] = [waitTool]
