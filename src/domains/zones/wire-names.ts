/**
 * Domain names between text and wire (RFC 1035 §3.1). Text is in lower case without the final dot; a byte of a label
 * that is no visible ASCII, a dot or a backslash stands as `\DDD` (RFC 4343 §2.1), so that dots only separate.
 */

const nameBytesMax = 255 // RFC 1035 §2.3.4
const labelBytesMax = 63
const dot = 0x2e
const backslash = 0x5c

/** @returns null when a label is empty or too long, or the whole is. The root is the empty text. */
export function encodeName(name: string): Buffer | null {
  let end = 0
  for (const label of name === '' ? [] : name.split('.')) {
    const bytes = label.includes('\\') ? unescaped(label) : Buffer.from(label, 'latin1')
    if (bytes.length === 0 || bytes.length > labelBytesMax) return null
    if (end + 1 + bytes.length + 1 > nameBytesMax) return null
    scratch[end] = bytes.length
    bytes.copy(scratch, end + 1)
    end += 1 + bytes.length
  }
  scratch[end] = 0
  return Buffer.from(scratch.subarray(0, end + 1))
}

const scratch = Buffer.alloc(nameBytesMax)

function unescaped(label: string): Buffer {
  const text = label.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code) & 0xff))
  return Buffer.from(text, 'latin1')
}

/**
 * The text of an uncompressed name that is known to be well formed.
 * @param at where its first length byte is.
 */
export function decodeName(bytes: Uint8Array, at: number): string {
  let text = ''
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    if (text !== '') text += '.'
    for (let offset = 1; offset <= length; offset++) text += characterOf(bytes[at + offset] ?? 0)
    at += 1 + length
  }
  return text
}

function characterOf(byte: number): string {
  if (byte >= 0x41 && byte <= 0x5a) return String.fromCharCode(byte + 0x20)
  if (byte > 0x20 && byte < 0x7f && byte !== dot && byte !== backslash) return String.fromCharCode(byte)
  return `\\${String(byte).padStart(3, '0')}`
}

/** The name without its first label; null for a name of one label. */
export function parentOf(name: string): string | null {
  const at = name.indexOf('.')
  return at < 0 ? null : name.slice(at + 1)
}

/** Whether a name is `ancestor` or below it. */
export function isAtOrBelow(name: string, ancestor: string): boolean {
  return name === ancestor || (name.endsWith(ancestor) && name[name.length - ancestor.length - 1] === '.')
}
