/** A scheduled message with other fields: nobody has it yet, and it is not signed before it leaves. */
import MimeNode from 'nodemailer/lib/mime-node'
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import { keptRanges } from '../inbound/header-edits.ts'
import { type Person, toAddress } from '../submission/compose.ts'
import { dateTime } from '../trace.ts'

/** Ours are short; a header is never longer than a message that we made. */
function headerOf(raw: Buffer): Buffer {
  const end = raw.indexOf('\r\n\r\n')
  return raw.subarray(0, end < 0 ? raw.length : end + 4)
}

function without(raw: Buffer, names: readonly string[]): Buffer {
  const header = headerOf(raw)
  const ranges = keptRanges(header, parseHeaderFields(header), ({ name }) =>
    names.includes(name.toLowerCase()),
  )
  return Buffer.concat([
    ...ranges.map(({ start, end }) => header.subarray(start, end)),
    raw.subarray(header.length),
  ])
}

/** Says that it was written then. The trace stays first. */
export function withDate(raw: Buffer, at: Date): Buffer {
  const dateless = without(raw, ['date'])
  const [first] = parseHeaderFields(headerOf(dateless))
  const place = first?.name.toLowerCase() === 'received' ? first.end : 0
  return Buffer.concat([
    dateless.subarray(0, place),
    Buffer.from(`Date: ${dateTime(at)}\r\n`),
    dateless.subarray(place),
  ])
}

/** Without the trace of a sending that was not to be, and with the blind copies that the message itself does not name. */
export function asDraft(raw: Buffer, bcc: readonly Person[]): Buffer {
  const draft = without(raw, ['received'])
  return bcc.length === 0 ? draft : Buffer.concat([bccField(bcc), draft])
}

/** As it is written in messages that we make: names in encoded words (RFC 2047), long lines folded. */
function bccField(bcc: readonly Person[]): Buffer {
  const node = new MimeNode('text/plain', { keepBcc: true, newline: '\r\n' })
  node.setHeader('Bcc', bcc.map(toAddress))
  const header = Buffer.from(`${node.buildHeaders()}\r\n\r\n`)
  const fields = parseHeaderFields(header).filter(({ name }) => name.toLowerCase() === 'bcc')
  return Buffer.concat(fields.map(({ start, end }) => header.subarray(start, end)))
}
