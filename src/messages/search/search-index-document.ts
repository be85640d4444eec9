/**
 * Search documents: what is searched of a message, folded, as SQL can look into it. They say exactly what the search
 * that opens messages (search-texts.ts) would find, but for two things that their readers know: a long text is cut
 * (`isCut`), and characters that stand for others here (`isPlainNeedle`).
 */
import { type BodyReader, readRange } from '../bodies-read.ts'
import { hasAttachments } from '../content/read-content.ts'
import type { Envelope } from '../mime/envelope.ts'
import type { MimePart } from '../mime/structure.ts'
import { type AddressField, foldedAddresses, foldedField, sentDayOf } from './search-fields.ts'
import { foldedHeaderLines, headerRange, isText, partsOf, readFoldedText } from './search-texts.ts'

export type SearchDocument = {
  /** Null where the message has no such field. */
  subject: string | null
  sender: string | null
  recipients: string | null
  cc: string | null
  bcc: string | null
  sentDay: string | null
  hasAttachment: boolean
  /** All header fields, those of parts and attached messages included: one in a line. */
  header: string
  /** All text parts, with `partSeparator` between them. */
  content: string
  isCut: boolean
}

/** UTF-16 units that are kept of a document. */
const headerCharsMax = 128 * 1024
const contentCharsMax = 256 * 1024

/** A noncharacter (Unicode 23.7): in no text that is meant to be read. */
export const partSeparator = '\uffff'

/** PostgreSQL has no NUL in a text, and no half of a surrogate pair. Both become U+FFFD. */
function storable(text: string): string {
  return (text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text).toWellFormed()
}

/** Whether documents can tell if a message has this text. */
export function isPlainNeedle(needle: string): boolean {
  return !/[\0\ufffd\uffff]/.test(needle) && needle.isWellFormed()
}

/** @param body null when it is gone, because the message has been expunged in the meantime. */
export async function makeSearchDocument(
  envelope: Envelope,
  structure: MimePart,
  body: BodyReader | null,
): Promise<SearchDocument> {
  const { subject } = envelope
  const header = body === null ? nothing : await readHeaders(body, structure)
  const content = body === null ? nothing : await readContent(body, structure)
  return {
    subject: subject === null ? null : storable(foldedField(subject)),
    sender: addresses(envelope, 'from'),
    recipients: addresses(envelope, 'to'),
    cc: addresses(envelope, 'cc'),
    bcc: addresses(envelope, 'bcc'),
    sentDay: sentDayOf(envelope),
    hasAttachment: hasAttachments(structure),
    header: storable(header.text),
    content: storable(content.text),
    isCut: header.isCut || content.isCut,
  }
}

function addresses(envelope: Envelope, field: AddressField): string | null {
  const text = foldedAddresses(envelope, field)
  return text === null ? null : storable(text)
}

type Text = { text: string; isCut: boolean }

const nothing: Text = { text: '', isCut: false }

async function readHeaders(body: BodyReader, root: MimePart): Promise<Text> {
  let text = ''
  for (const part of partsOf(root)) {
    if (text.length > headerCharsMax) break
    const lines = foldedHeaderLines(await readRange(body, headerRange(part)))
    if (lines.length > 0) text = text === '' ? lines.join('\n') : `${text}\n${lines.join('\n')}`
  }
  return cut(text, headerCharsMax)
}

async function readContent(body: BodyReader, root: MimePart): Promise<Text> {
  let text = ''
  for (const part of partsOf(root)) {
    if (!isText(part)) continue
    if (text !== '') text += partSeparator
    for await (const piece of readFoldedText(body, part)) {
      text += piece
      if (text.length > contentCharsMax) return cut(text, contentCharsMax)
    }
  }
  return { text, isCut: false }
}

function cut(text: string, charsMax: number): Text {
  return text.length > charsMax ? { text: text.slice(0, charsMax), isCut: true } : { text, isCut: false }
}
