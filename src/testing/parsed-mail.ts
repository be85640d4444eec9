/** A raw message as a reader sees it, for tests of what was composed. */
import { attachmentsOf } from '../messages/content/read-content.ts'
import { decodeHeaderText } from '../messages/mime/encoded-words.ts'
import { parseHeaderFields } from '../messages/mime/header-fields.ts'
import { type MimePart, parseMessage } from '../messages/mime/structure.ts'
import { createTransferDecoder } from '../messages/mime/transfer-decoder.ts'

export type ParsedMail = {
  /** Unfolded and decoded; undefined where there is none. */
  field(name: string): string | undefined
  to: string[]
  cc: string[]
  bcc: string[]
  text: string | null
  html: string | null
  attachments: {
    filename: string | null
    contentType: string
    disposition: string
    contentId: string | null
    content: Buffer
  }[]
}

export function parseMail(raw: Buffer): ParsedMail {
  const { root, envelope } = parseMessage(raw)
  const fields = parseHeaderFields(raw.subarray(0, root.bodyStart))
  const addresses = (list: typeof envelope.to): string[] =>
    list.flatMap(({ mailbox, host }) => (mailbox && host ? [`${mailbox}@${host}`] : []))
  const attachments = attachmentsOf(root)
  const shown = leavesOf(root).filter((leaf) => attachments.every(({ part }) => part !== leaf))
  const text = (subtype: string): string | null => {
    const part = shown.find((one) => one.subtype === subtype)
    return part === undefined ? null : contentOf(raw, part).toString().replace(/\r\n/g, '\n')
  }
  return {
    field(name) {
      const value = fields.find((one) => one.name.toLowerCase() === name)?.value
      return value === undefined ? undefined : decodeHeaderText(value)
    },
    to: addresses(envelope.to),
    cc: addresses(envelope.cc),
    bcc: addresses(envelope.bcc),
    text: text('plain'),
    html: text('html'),
    attachments: attachments.map(({ filename, contentType, disposition, contentId, part }) => ({
      filename,
      contentType,
      disposition,
      contentId,
      content: contentOf(raw, part),
    })),
  }
}

function leavesOf(part: MimePart): MimePart[] {
  return part.parts === undefined ? [part] : part.parts.flatMap(leavesOf)
}

function contentOf(raw: Buffer, { bodyStart, end, encoding }: MimePart): Buffer {
  const decoder = createTransferDecoder(encoding)
  const bytes = raw.subarray(bodyStart, end)
  return decoder === null ? bytes : Buffer.concat([decoder.write(bytes), decoder.end()])
}
