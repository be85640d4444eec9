/** The arguments that make a message, and what they become. */

import * as z from 'zod'
import type { Person } from '../../delivery/submission/compose.ts'
import type { AttachmentSource } from '../../delivery/submission/stored-attachments.ts'
import { personOf } from '../../delivery/submission/submit.ts'
import { oneLine, type WrittenMessage } from '../../delivery/submission/written.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import { mcpLimits } from '../limits.ts'

const recipientsMax = 100

const people = (what: string) =>
  z
    .array(z.string().min(1).max(1000))
    .max(recipientsMax)
    .optional()
    .describe(`${what}: each ann@example.com or Ann <ann@example.com>.`)

const Attachment = z.strictObject({
  filename: z.string().min(1).max(255).optional().describe('Of a new file.'),
  content_type: z
    .string()
    .max(255)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/)
    .optional()
    .describe('Such as text/csv; found out by the file name if left out.'),
  text: z.string().optional().describe('The content of a text file, as it is.'),
  base64: z.base64().optional().describe('The content of any other file, in base64.'),
  message_id: z.uuid().optional().describe('Instead of a new file: the message that has it.'),
  number: z
    .int()
    .min(1)
    .optional()
    .describe('Which of its attachments. Left out: the message itself, as a file.'),
})

export const NewMessage = z.object({
  to: people('Recipients'),
  cc: people('Recipients of a copy'),
  bcc: people('Recipients of a copy whom the others do not see'),
  reply_to: people('Where answers are to go, if not to the mailbox'),
  subject: z.string().max(998).optional().describe('The subject, one line.'),
  text: z.string().optional().describe('The text, plain.'),
  html: z.string().optional().describe('The same as HTML, if it is to look like something.'),
  attachments: z
    .array(Attachment)
    .max(mcpLimits.attachmentsMax)
    .optional()
    .describe(
      'Files: new ones with filename and either text or base64, or those of a message of this mailbox.',
    ),
  send_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Nobody gets it before then: an ISO 8601 moment with a time zone, at most 30 days ahead.'),
})

export type NewMessageArguments = z.output<typeof NewMessage>

/** @throws Refusal invalid_request that points at everything that cannot be read. */
export function readWritten(args: NewMessageArguments): WrittenMessage {
  const problems: FieldProblem[] = []
  const written = {
    to: readPeople(args.to, '/to', problems),
    cc: readPeople(args.cc, '/cc', problems),
    bcc: readPeople(args.bcc, '/bcc', problems),
    replyTo: readPeople(args.reply_to, '/reply_to', problems),
    subject: args.subject === undefined ? null : oneLine(args.subject),
    text: args.text ?? null,
    html: args.html ?? null,
    headers: null,
    attachments:
      args.attachments?.flatMap((one, index) => readAttachment(one, `/attachments/${index}`, problems)) ??
      null,
    sendAt: args.send_at === undefined ? null : new Date(args.send_at),
  }
  if (problems.length > 0) {
    throw new Refusal('invalid_request', 'The message cannot be made as it is.', { fields: problems })
  }
  return written
}

function readPeople(
  texts: readonly string[] | undefined,
  pointer: string,
  problems: FieldProblem[],
): Person[] | null {
  const people = texts?.flatMap((text, index) => {
    const person = personOf(text)
    if (person === null) problems.push({ pointer: `${pointer}/${index}`, detail: 'is not an address' })
    return person ?? []
  })
  return people ?? null
}

function readAttachment(
  {
    filename,
    content_type: contentType,
    text,
    base64,
    message_id: messageId,
    number,
  }: z.output<typeof Attachment>,
  pointer: string,
  problems: FieldProblem[],
): AttachmentSource[] {
  const isNew = [filename, contentType, text, base64].some((given) => given !== undefined)
  if (messageId !== undefined && !isNew) return [{ messageId, number: number ?? null }]
  const isWhole = filename !== undefined && (text === undefined) !== (base64 === undefined)
  if (messageId !== undefined || number !== undefined || filename === undefined || !isWhole) {
    const detail = 'must have filename and either text or base64, or only message_id and number'
    problems.push({ pointer, detail })
    return []
  }
  const content = base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64')
  return [{ filename: oneLine(filename), contentType: contentType ?? null, content, contentId: null }]
}
