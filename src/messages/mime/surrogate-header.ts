/**
 * A header in ASCII in the place of one in UTF-8, for clients that do not take UTF-8 (RFC 6858): addresses and the
 * subject are encoded, an address that cannot be is replaced by one that is nobody's, and what is left is taken out.
 * Header text in other charsets than UTF-8 is none of RFC 6532's and stays as it came.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import { domainToASCII } from 'node:url'
import { type EnvelopeAddress, parseAddressList } from './addresses.ts'
import { decodeHeaderText } from './encoded-words.ts'
import { type HeaderField, parseHeaderFields } from './header-fields.ts'

export type Surrogate =
  /** The header is in ASCII. */
  | { kind: 'not-needed' }
  /** `header` stands for the first `replacedBytes` of the message; the blank line is not part of it. */
  | { kind: 'surrogate'; header: Buffer; replacedBytes: number }
  /** The header does not end in the bytes that were given. */
  | { kind: 'too-long' }

/**
 * @param beginning the first bytes of a message.
 * @param isWhole whether they are all of it.
 */
export function surrogateHeader(beginning: Buffer, isWhole: boolean): Surrogate {
  if (isAscii(beginning)) return { kind: 'not-needed' }
  const fields = parseHeaderFields(beginning)
  const replacedBytes = fields.at(-1)?.end ?? 0
  if (replacedBytes === beginning.length && !isWhole) return { kind: 'too-long' }
  if (!fields.some((field) => needsSurrogate(beginning, field))) return { kind: 'not-needed' }
  const pieces = fields.map((field) =>
    needsSurrogate(beginning, field)
      ? Buffer.from(surrogateField(field))
      : beginning.subarray(field.start, field.end),
  )
  return { kind: 'surrogate', header: Buffer.concat(pieces), replacedBytes }
}

function needsSurrogate(header: Buffer, { start, end }: HeaderField): boolean {
  const field = header.subarray(start, end)
  return !isAscii(field) && isUtf8(field)
}

// RFC 6858 §2.1.
const addressFields = new Set(
  ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc', 'return-path'].flatMap((name) => [
    name,
    `resent-${name}`,
  ]),
)
const unstructuredFields = new Set(['subject', 'comments', 'content-description'])
const parameterFields = new Set(['content-type', 'content-disposition'])

/** Whole lines, or nothing (RFC 6858 §2.4). */
function surrogateField({ name, value }: HeaderField): string {
  const kind = name.toLowerCase()
  if (!/^[!-9;-~]+$/.test(name)) return ''
  if (unstructuredFields.has(kind)) return `${name}: ${encodeWords(value)}\r\n`
  if (parameterFields.has(kind)) return `${name}: ${withoutParametersOfUtf8(value)}\r\n`
  if (addressFields.has(kind)) return `${name}: ${encodeAddresses(parseAddressList(value))}\r\n`
  return ''
}

function encodeAddresses(addresses: readonly EnvelopeAddress[]): string {
  let text = ''
  let separator = ''
  for (const address of addresses) {
    const { mailbox, host } = address
    if (host === null && mailbox === null) {
      text += ';' // the end of a group
      separator = ',\r\n '
    } else if (host === null) {
      text += `${separator}${phrase(mailbox ?? '')}:`
      separator = '\r\n '
    } else {
      text += separator + encodeAddress(address.name ?? '', mailbox ?? '', host)
      separator = ',\r\n '
    }
  }
  return text
}

function encodeAddress(name: string, mailbox: string, host: string): string {
  const domain = isAsciiText(host) ? host : domainToASCII(host)
  if (isAsciiText(mailbox) && domain !== '') {
    const localPart = dotAtom.test(mailbox) ? mailbox : quoted(mailbox)
    return name === '' ? `${localPart}@${domain}` : `${phrase(name)} <${localPart}@${domain}>`
  }
  return `${phrase(`${name} ${mailbox}@${host}`.trim())} <invalid@internationalized-address.invalid>`
}

const dotAtom = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
const atoms = /^[\w!#$%&'*+/=?^`{|}~ -]+$/

/** RFC 5322 §3.2.5. Encoded-words that were in it are atoms. */
function phrase(text: string): string {
  if (!isAsciiText(text)) return encodeWords(text)
  return atoms.test(text) ? text : quoted(text)
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** RFC 6858 §2.2. The parameters that stay keep their text. */
function withoutParametersOfUtf8(value: string): string {
  const parts = value.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []
  return parts.filter(isAsciiText).join(';').trim()
}

/** RFC 2047 §2: a word has at most 75 characters, so that its text has at most 45 bytes. */
const wordBytesMax = 45

function encodeWords(text: string): string {
  const words: string[] = []
  let word = ''
  for (const character of decodeHeaderText(text)) {
    if (Buffer.byteLength(word) + Buffer.byteLength(character) > wordBytesMax) {
      words.push(word)
      word = ''
    }
    word += character
  }
  words.push(word)
  return words.map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ')
}

function isAsciiText(text: string): boolean {
  return isAscii(Buffer.from(text))
}
