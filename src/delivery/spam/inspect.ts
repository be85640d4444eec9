/**
 * One look at a message for everything that judges its content: the header, and the first bytes of the body with the
 * texts, links and files in them. What comes later in a large message is not looked at.
 */
import { decodeCharset } from '../../messages/mime/charset.ts'
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'
import { htmlToText } from '../../messages/mime/html-text.ts'
import { type MimePart, parseMessage } from '../../messages/mime/structure.ts'
import { createTransferDecoder } from '../../messages/mime/transfer-decoder.ts'
import { type Link, readHosts, readLinks } from './links.ts'

/** Bytes of a message that are looked at. */
export const inspectedBytesMax = 128 * 1024

/** Texts that are decoded, and characters of each. */
const textsMax = 4
const textCharsMax = 64 * 1024
const partsMax = 200

export type AttachedFile = { name: string; isEncryptedArchive: boolean }

export type Inspected = {
  /** As given, with whatever stands in the header. */
  header: Buffer
  /** By name in lower case: values unfolded, not decoded. */
  fields: ReadonlyMap<string, readonly string[]>
  /** What a reader sees, of plain and HTML texts. */
  text: string
  hasPlainText: boolean
  hasHtml: boolean
  images: number
  links: readonly Link[]
  /** Host names that links and texts lead to, each once. */
  hosts: readonly string[]
  files: readonly AttachedFile[]
  /** Charset labels of the texts, as they were given. */
  charsets: readonly string[]
}

/** RFC 5322 §3.6: the fields that are judged. */
const fieldNames: ReadonlySet<string> = new Set([
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'in-reply-to',
  'references',
])

/** @param beginning of the raw message: its first `inspectedBytesMax` bytes, or all of it. */
export function inspectMessage(beginning: Buffer, header: Buffer): Inspected {
  const parts = leavesOf(parseMessage(beginning).root)
  const texts = parts.filter(isShownText).slice(0, textsMax)
  const plain = texts.filter(({ subtype }) => subtype !== 'html').map((part) => textOf(beginning, part))
  const html = texts.filter(({ subtype }) => subtype === 'html').map((part) => textOf(beginning, part))
  const links = html.flatMap(readLinks)
  const text = [...plain, ...html.map((one) => htmlToText(one, { quotes: true }))].join('\n')
  return {
    header,
    fields: collectHeaderValues(header, fieldNames),
    text,
    hasPlainText: plain.some((one) => one.trim() !== ''),
    hasHtml: html.length > 0,
    images: parts.filter(({ type }) => type === 'image').length + html.map(imagesIn).reduce(sum, 0),
    links,
    hosts: readHosts([...links.map(({ target }) => target), text]),
    files: parts.flatMap((part) => fileOf(beginning, part)),
    charsets: texts.flatMap((part) => part.params?.find(([name]) => name === 'charset')?.[1] ?? []),
  }
}

function sum(left: number, right: number): number {
  return left + right
}

/** The parts that hold something, attached messages included. */
function leavesOf(root: MimePart): MimePart[] {
  const leaves: MimePart[] = []
  const rest = [root]
  for (let part = rest.pop(); part !== undefined && leaves.length < partsMax; part = rest.pop()) {
    if (part.message !== undefined) rest.push(part.message.part)
    else if (part.parts !== undefined) rest.push(...part.parts.toReversed())
    else leaves.push(part)
  }
  return leaves
}

function isShownText({ type, disposition }: MimePart): boolean {
  return type === 'text' && disposition?.type !== 'attachment'
}

function textOf(raw: Buffer, part: MimePart): string {
  const charset = part.params?.find(([name]) => name === 'charset')?.[1] ?? null
  return decodeCharset(decoded(raw, part, textCharsMax), charset).slice(0, textCharsMax)
}

/** At most so many encoded bytes of a part, decoded; empty for an encoding that is not known. */
function decoded(raw: Buffer, part: MimePart, encodedBytesMax: number): Buffer {
  const decoder = createTransferDecoder(part.encoding)
  if (decoder === null) return Buffer.alloc(0)
  const encoded = raw.subarray(part.bodyStart, Math.min(part.end, part.bodyStart + encodedBytesMax))
  return Buffer.concat([decoder.write(encoded), decoder.end()])
}

function imagesIn(html: string): number {
  return html.match(/<img\b/gi)?.length ?? 0
}

function fileOf(raw: Buffer, part: MimePart): AttachedFile[] {
  const named = part.disposition?.params?.find(([name]) => name === 'filename')
  const name = (named ?? part.params?.find(([one]) => one === 'name'))?.[1] ?? ''
  return name === '' ? [] : [{ name, isEncryptedArchive: isEncryptedZip(decoded(raw, part, 64)) }]
}

// APPNOTE.TXT 4.3.7: the local header of the first file, and bit 0 of its flags.
function isEncryptedZip(start: Buffer): boolean {
  return start.length >= 8 && start.readUInt32BE(0) === 0x504b0304 && (start.readUInt16LE(6) & 1) === 1
}
