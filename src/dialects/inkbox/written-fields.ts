/** What clients write of a message: its schemas, and how they are read. */
import { type Static, Type } from 'typebox'
import type { NewAttachment, Person } from '../../delivery/submission/compose.ts'
import { personOf, submissionLimits } from '../../delivery/submission/submit.ts'
import { oneLine } from '../../delivery/submission/written.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import { orNull } from './schemas.ts'

/** Of a request that brings a message: its attachments are a third larger in base64. */
export const messageBodyBytesMax = 36 * 1024 ** 2
/** Of all attachments of a message together, decoded. */
const attachmentBytesMax = 25 * 1024 ** 2

const Address = Type.String({ maxLength: 1000 })
const Addresses = Type.Array(Address, { maxItems: submissionLimits.recipientsMax })
const Text = Type.Optional(orNull(Type.String({ maxLength: messageBodyBytesMax })))

export const RecipientsBody = Type.Object({
  to: Type.Optional(orNull(Addresses)),
  cc: Type.Optional(orNull(Addresses)),
  bcc: Type.Optional(orNull(Addresses)),
})

export const AttachmentBody = Type.Object({
  filename: Type.String({ minLength: 1, maxLength: 255 }),
  content_type: Type.String({
    maxLength: 255,
    pattern: '^[\\w!#$&^.+-]+/[\\w!#$&^.+-]+(?:\\s*;[^\\r\\n]*)?$',
  }),
  content_base64: Type.String({ maxLength: messageBodyBytesMax }),
  content_id: Type.Optional(orNull(Type.String({ maxLength: 200, pattern: '^<?[!-;=?-~]+>?$' }))),
})

export const AttachmentBodies = Type.Array(AttachmentBody, { maxItems: submissionLimits.attachmentsMax })

export const subjectField = Type.Optional(orNull(Type.String({ maxLength: 998 })))

/** What a new message, a reply and a forward have in common. */
export const textFields = {
  subject: subjectField,
  body_text: Text,
  body_html: Text,
  reply_to: Type.Optional(orNull(Address)),
  track_opens: Type.Optional(Type.Boolean()),
} as const

/** @throws Refusal invalid_request that points at each. */
export function refuse(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new Refusal('invalid_request', undefined, { fields: problems })
}

/** @returns null for a list that was not given. @param problems gets what is no address. */
export function readPeople(
  addresses: readonly string[] | null | undefined,
  pointer: string,
  problems: FieldProblem[],
): Person[] | null {
  if (addresses === undefined || addresses === null) return null
  return addresses.flatMap((text, index) => {
    const person = personOf(text)
    if (person === null) problems.push({ pointer: `${pointer}/${index}`, detail: 'is not an address' })
    return person ?? []
  })
}

export function readRecipients(
  recipients: Static<typeof RecipientsBody> | undefined,
  problems: FieldProblem[],
): { to: Person[] | null; cc: Person[] | null; bcc: Person[] | null } {
  return {
    to: readPeople(recipients?.to, '/recipients/to', problems),
    cc: readPeople(recipients?.cc, '/recipients/cc', problems),
    bcc: readPeople(recipients?.bcc, '/recipients/bcc', problems),
  }
}

const executable = /\.(?:exe|bat|scr)\s*$/i

/**
 * @param rules.html whether there is HTML that could show a picture; null: no picture may be named at all.
 * @param rules.bytesBefore of attachments that are there already.
 * @param rules.taken the Content-IDs of those.
 */
export function readAttachments(
  bodies: readonly Static<typeof AttachmentBody>[],
  pointer: string,
  problems: FieldProblem[],
  { html, bytesBefore = 0, taken = [] }: { html: boolean | null; bytesBefore?: number; taken?: string[] },
): NewAttachment[] {
  const ids = new Set<string>(taken)
  const read = bodies.flatMap((body, index) => {
    const at = `${pointer}/${index}`
    const problem = (name: string, detail: string): void =>
      void problems.push({ pointer: `${at}/${name}`, detail })
    const filename = oneLine(body.filename)
    if (executable.test(filename)) problem('filename', 'is that of a program (.exe, .bat, .scr)')
    const contentId = body.content_id?.replace(/^<|>$/g, '') ?? null
    if (contentId !== null) {
      const detail = contentIdProblem(contentId, body.content_type, html, ids)
      if (detail !== null) problem('content_id', detail)
      ids.add(contentId)
    }
    const content = decode(body.content_base64)
    if (content === null) problem('content_base64', 'is not base64')
    return content === null ? [] : [{ filename, contentType: body.content_type, content, contentId }]
  })
  const bytes = read.reduce((sum, { content }) => sum + content.length, bytesBefore)
  if (bytes > attachmentBytesMax) problems.push({ pointer, detail: 'are larger than 25 MB together' })
  return read
}

function contentIdProblem(
  contentId: string,
  contentType: string,
  html: boolean | null,
  taken: ReadonlySet<string>,
): string | null {
  if (html === null) return 'is not for forwards'
  if (!html) return 'needs body_html'
  if (!/^image\//i.test(contentType)) return 'is for images only'
  return taken.has(contentId) ? 'is that of another attachment' : null
}

// Buffer.from skips what is not base64: a file with holes must not be sent.
function decode(encoded: string): Buffer | null {
  const text = encoded.replace(/[\r\n]/g, '')
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
  return isBase64 ? Buffer.from(text, 'base64') : null
}

/** @param problems gets what does not go together. */
export function readTexts(
  body: Static<Type.TObject<typeof textFields>>,
  problems: FieldProblem[],
): {
  subject: string | null
  text: string | null
  html: string | null
  replyTo: Person[] | null
  trackOpens: boolean
} {
  const { subject, body_text: text = null, body_html: html = null, track_opens: trackOpens = false } = body
  if (trackOpens && (html === null || html === '')) {
    problems.push({ pointer: '/track_opens', detail: 'needs body_html' })
  }
  const replyTo = body.reply_to
  const person = replyTo === undefined || replyTo === null ? null : personOf(replyTo)
  if (person === null && typeof replyTo === 'string') {
    problems.push({ pointer: '/reply_to', detail: 'is not an address' })
  }
  return {
    subject: subject === undefined || subject === null ? null : oneLine(subject),
    text,
    html: html === '' ? null : html,
    replyTo: person === null ? null : [person],
    trackOpens,
  }
}
