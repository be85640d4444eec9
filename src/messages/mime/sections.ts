/** Where the bytes of an IMAP section lie in the raw message (RFC 9051 §6.4.5.1). */
import type { MimePart } from './structure.ts'

export type SectionText = 'HEADER' | 'TEXT' | 'MIME' | null
/** Byte offsets in the raw message; `end` is exclusive. */
export type ByteRange = { start: number; end: number }

/**
 * The range of BODY[path.text]; null when the message has no such section. The empty path is the message
 * itself, HEADER and TEXT otherwise exist only of embedded messages, MIME only of numbered parts. Headers
 * include their blank line.
 */
export function sectionRange(
  parsed: { root: MimePart; sizeBytes: number },
  path: readonly number[],
  text: SectionText,
): ByteRange | null {
  if (path.length === 0) return messageRange(parsed.root, text, { start: 0, end: parsed.sizeBytes })
  const part = findPart(parsed.root, path)
  if (part === null) return null
  if (text === 'MIME') return { start: part.headerStart, end: part.bodyStart }
  if (text === null) return { start: part.bodyStart, end: part.end }
  return part.message === undefined ? null : messageRange(part.message.part, text, null)
}

/**
 * The part that a non-empty path numbers, or null. Part 1 of a message that is no multipart is its body, and
 * the parts of an embedded message are numbered below the part that holds it.
 */
export function findPart(root: MimePart, path: readonly number[]): MimePart | null {
  let part: MimePart | null = null
  let message: MimePart | undefined = root // set while `part` is a message whose parts are numbered next
  for (const number of path) {
    const holder: MimePart | null = message ?? part
    part = holder?.parts?.[number - 1] ?? null
    if (part === null && message !== undefined && message.parts === undefined && number === 1) part = message
    if (part === null) return null
    message = part.message?.part
  }
  return part
}

function messageRange(message: MimePart, text: SectionText, whole: ByteRange | null): ByteRange | null {
  if (text === 'HEADER') return { start: message.headerStart, end: message.bodyStart }
  if (text === 'TEXT') return { start: message.bodyStart, end: message.end }
  return text === null ? whole : null
}
