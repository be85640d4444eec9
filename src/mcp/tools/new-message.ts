/** The arguments that make a message, and what they become. */
import * as z from 'zod'
import type { NewAttachment, Person } from '../../delivery/submission/compose.ts'
import { personOf, type Submission } from '../../delivery/submission/submit.ts'
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
  filename: z.string().min(1).max(255),
  content_type: z
    .string()
    .max(255)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/)
    .optional()
    .describe('Such as text/csv; found out by the file name if left out.'),
  text: z.string().optional().describe('The content of a text file, as it is.'),
  base64: z.base64().optional().describe('The content of any other file, in base64.'),
})

export const Attachments = z
  .array(Attachment)
  .max(mcpLimits.attachmentsMax)
  .optional()
  .describe('Files, each with either text or base64.')

export const NewMessage = z.object({
  to: people('Recipients'),
  cc: people('Recipients of a copy'),
  bcc: people('Recipients of a copy whom the others do not see'),
  reply_to: people('Where answers are to go, if not to the mailbox'),
  subject: z.string().max(998).optional(),
  text: z.string().optional().describe('The text. Lines are wrapped by whoever reads it.'),
  html: z.string().optional().describe('The same as HTML, if it is to look like something.'),
  attachments: Attachments,
  send_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Recipients elsewhere get it not before then: an ISO 8601 moment with a time zone.'),
})

export type NewMessageArguments = z.output<typeof NewMessage>

/** @throws Refusal invalid_request that points at everything that cannot be read. */
export function submissionOf(args: NewMessageArguments): Submission {
  const problems: FieldProblem[] = []
  const submission = {
    to: readPeople(args.to, '/to', problems),
    cc: readPeople(args.cc, '/cc', problems),
    bcc: readPeople(args.bcc, '/bcc', problems),
    replyTo: readPeople(args.reply_to, '/reply_to', problems),
    subject: lineOf(args.subject ?? ''),
    text: args.text ?? (args.html === undefined ? '' : null),
    html: args.html ?? null,
    headers: {},
    attachments: readAttachments(args.attachments, problems),
    sendAt: args.send_at === undefined ? null : new Date(args.send_at),
  }
  requireNone(problems)
  return submission
}

export function readPeople(
  texts: readonly string[] | undefined,
  pointer: string,
  problems: FieldProblem[],
): Person[] {
  return (texts ?? []).flatMap((text, index) => {
    const person = personOf(text)
    if (person === null) problems.push({ pointer: `${pointer}/${index}`, detail: 'is not an address' })
    return person ?? []
  })
}

export function readAttachments(
  attachments: z.output<typeof Attachments>,
  problems: FieldProblem[],
): NewAttachment[] {
  return (attachments ?? []).map(({ filename, content_type: contentType, text, base64 }, index) => {
    if ((text === undefined) === (base64 === undefined)) {
      problems.push({ pointer: `/attachments/${index}`, detail: 'must have either text or base64' })
    }
    return {
      filename: lineOf(filename),
      contentType: contentType ?? null,
      content: base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64'),
      contentId: null,
    }
  })
}

/** @throws Refusal invalid_request. */
export function requireNone(problems: readonly FieldProblem[]): void {
  if (problems.length === 0) return
  throw new Refusal('invalid_request', 'The message cannot be made as it is.', { fields: problems })
}

/** Header injection: a line end in a field would begin another one. */
function lineOf(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ')
}
