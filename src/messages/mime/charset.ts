/** Bytes to text by a charset label from the mail (RFC 2045 §5.2, RFC 2231 §4). Labels lie; this never throws. */
import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import iconv from 'iconv-lite'
import { mimeLimits } from './mime-limits.ts'

/** Labels that name no charset, so the bytes themselves have to say. */
const guessedLabels = new Set([
  '',
  'us-ascii',
  'ascii',
  'unknown',
  'unknown-8bit',
  'x-unknown',
  'default',
  'binary',
])
/** iconv-lite also knows these, and they are not charsets of mail. */
const notCharsets = new Set(['base64', 'hex', 'utf-7-imap', 'utf7imap'])

const decoders = new Map<string, TextDecoder | null>()

/** Text without lone surrogates. An unknown or absent charset is read as UTF-8 if valid, else windows-1252. */
export function decodeCharset(bytes: Uint8Array, charset: string | null): string {
  const label = (charset ?? '').trim().toLowerCase()
  if (guessedLabels.has(label)) return decodeGuessed(bytes)
  const decoder = textDecoder(label)
  if (decoder !== null) return decoder.decode(bytes)
  if (notCharsets.has(label) || !iconv.encodingExists(label)) return decodeGuessed(bytes)
  return iconv.decode(Buffer.from(bytes), label).toWellFormed()
}

function decodeGuessed(bytes: Uint8Array): string {
  return textDecoder(isUtf8(bytes) ? 'utf-8' : 'windows-1252')?.decode(bytes) ?? ''
}

function textDecoder(label: string): TextDecoder | null {
  const known = decoders.get(label)
  if (known !== undefined) return known
  if (decoders.size >= mimeLimits.textDecodersMax) decoders.clear()
  const created = createTextDecoder(label)
  decoders.set(label, created)
  return created
}

function createTextDecoder(label: string): TextDecoder | null {
  try {
    return new TextDecoder(label)
  } catch {
    return null // RangeError: not in the WHATWG list
  }
}

/** Whether a label names a charset, or at least says honestly that it names none. */
export function isCharset(charset: string): boolean {
  const label = charset.trim().toLowerCase()
  if (guessedLabels.has(label) || textDecoder(label) !== null) return true
  return !notCharsets.has(label) && iconv.encodingExists(label)
}
