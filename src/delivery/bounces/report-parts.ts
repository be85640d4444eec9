/** The parts of a report that came, decoded. Everything is bounded, and nothing throws: reports come from anyone. */
import { decodeCharset } from '../../messages/mime/charset.ts'
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'
import { parseMessageIds } from '../../messages/mime/message-ids.ts'
import { type MimePart, parseMessage } from '../../messages/mime/structure.ts'
import { createTransferDecoder } from '../../messages/mime/transfer-decoder.ts'

/** Of a report that is looked at: what it says stands before the message that it returns. */
export const reportBytesMax = 1024 * 1024

const partBytesMax = 256 * 1024
const partsMax = 50

export type ReportPart = { type: string; part: MimePart; content: Buffer }

export type ReportParts = {
  subject: string
  header: Buffer
  /** The message itself and its parts in order, without those of embedded messages. */
  parts: ReportPart[]
}

export function readReport(raw: Buffer): ReportParts {
  const bytes = raw.subarray(0, reportBytesMax)
  const { root, envelope } = parseMessage(bytes)
  const parts = flatten(root)
    .slice(0, partsMax)
    .map((part) => ({
      type: `${part.type}/${part.subtype}`,
      part,
      content: decoded(
        part,
        bytes.subarray(part.bodyStart, Math.min(part.end, part.bodyStart + partBytesMax)),
      ),
    }))
  return { subject: envelope.subject ?? '', header: bytes.subarray(root.headerStart, root.bodyStart), parts }
}

export function partOf(report: ReportParts, ...types: readonly string[]): ReportPart | null {
  return report.parts.find(({ type }) => types.includes(type)) ?? null
}

function flatten(part: MimePart): MimePart[] {
  return [part, ...(part.parts ?? []).flatMap(flatten)]
}

function decoded(part: MimePart, bytes: Buffer): Buffer {
  const decoder = createTransferDecoder(part.encoding)
  return decoder === null ? bytes : Buffer.concat([decoder.write(bytes), decoder.end()])
}

/** The text of a part, whatever its charset. */
export function textOf({ part, content }: ReportPart): string {
  const charset = part.params?.find(([name]) => name === 'charset')?.[1] ?? null
  return decodeCharset(content, charset)
}

/** What a report returns of the message that it is about. */
export type ReturnedMessage = {
  /** Without angle brackets. */
  messageId: string | null
  /** The values of fields, by name in lower case. */
  fields: Map<string, string[]>
}

/** The message that is returned, whole or its header; null when there is none. */
export function returnedMessage(report: ReportParts): ReturnedMessage | null {
  const part = partOf(
    report,
    'message/rfc822',
    'text/rfc822-headers',
    'message/global',
    'message/global-headers',
    'text/rfc822',
    'message/rfc822-headers',
  )
  return part === null ? null : returnedHeader(part.content)
}

const wantedFields = new Set([
  'message-id',
  'to',
  'x-hmxmroriginalrecipient',
  'x-original-message-id',
  'x-failed-recipients',
])

/** Reads the header of a returned message. */
export function returnedHeader(bytes: Buffer): ReturnedMessage {
  // Some put line ends before it.
  const start = bytes.findIndex((byte) => byte !== 0x0d && byte !== 0x0a)
  const fields = collectHeaderValues(bytes.subarray(Math.max(0, start)), wantedFields)
  const [id] = parseMessageIds(fields.get('message-id')?.[0] ?? '')
  return { messageId: id === undefined ? null : id.slice(1, -1), fields }
}

const addressPattern = /[^\s<>()[\]:;,"'|=]{1,64}@[a-z0-9.\u0080-\u{10ffff}-]{1,253}/giu
const addressesMax = 100

/** Everything in a text that looks like an address, each once. */
export function addressesIn(text: string): string[] {
  const found = new Set<string>()
  for (const [match] of text.matchAll(addressPattern)) {
    if (found.size === addressesMax) break
    found.add(match.replace(/\.+$/, ''))
  }
  return [...found]
}
