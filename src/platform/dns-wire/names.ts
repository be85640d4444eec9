/**
 * Names on the DNS wire (RFC 1035 §3.1). As text they are in lower case and without the final dot; the root is the empty
 * text; a byte of a label that is a dot, a backslash or no printable ASCII is written `\DDD` (RFC 1035 §5.1).
 */

/** What is on the wire is not a DNS message. Thrown inside this folder's readers, never out of `parseMessage`. */
export class WireError extends Error {}

const labelBytesMax = 63
const nameBytesMax = 255
// More jumps than labels fit into a name: a loop.
const pointersMax = 128

/**
 * A name in wire form, not compressed: the canonical form of RFC 4034 §6.2, since names are in lower case.
 * @throws RangeError for what is no name: an empty or too long label, or too long as a whole.
 */
export function encodeName(name: string): Buffer {
  const bytes = tryEncodeName(name)
  if (bytes === null) throw new RangeError(`"${name}" is no DNS name`)
  return bytes
}

/** The same, with null for what is no name. */
export function tryEncodeName(name: string): Buffer | null {
  let end = 0
  for (const label of labelsOf(name)) {
    if (label.length === 0 || label.length > labelBytesMax) return null
    if (end + 1 + label.length + 1 > nameBytesMax) return null
    scratch[end] = label.length
    label.copy(scratch, end + 1)
    end += 1 + label.length
  }
  scratch[end] = 0
  return Buffer.from(scratch.subarray(0, end + 1))
}

const scratch = Buffer.alloc(nameBytesMax)

/** The labels of a name as bytes, first to last. */
export function labelsOf(name: string): Buffer[] {
  if (name === '') return []
  if (!name.includes('\\')) return name.split('.').map((label) => Buffer.from(label, 'latin1'))
  const labels: number[][] = [[]]
  for (const [text, digits, escaped] of name.matchAll(/\\(\d{3})|\\(.)|[^\\]/gs)) {
    if (text === '.') labels.push([])
    else labels.at(-1)?.push(digits === undefined ? (escaped ?? text).charCodeAt(0) : Number(digits) & 0xff)
  }
  return labels.map((label) => Buffer.from(label))
}

/**
 * Reads a name at an offset, compressed or not.
 * @returns it and where what follows begins.
 * @throws WireError
 */
export function readName(message: Buffer, start: number): { name: string; next: number } {
  const labels: string[] = []
  let at = start
  let next: number | null = null
  let bytes = 1
  for (let pointers = 0; ; ) {
    const length = message[at]
    if (length === undefined) throw new WireError('a name ends early')
    if (length === 0) return { name: labels.join('.'), next: next ?? at + 1 }
    if (length >= 0xc0) {
      const low = message[at + 1]
      const target = low === undefined ? at : ((length & 0x3f) << 8) | low
      // Only backwards (RFC 1035 §4.1.4: a prior occurrence), and not for ever.
      if (low === undefined || target >= at || ++pointers > pointersMax) throw new WireError('a bad pointer')
      next ??= at + 2
      at = target
      continue
    }
    bytes += length + 1
    if (length > labelBytesMax || bytes > nameBytesMax || at + 1 + length > message.length)
      throw new WireError('a bad label')
    labels.push(labelText(message.subarray(at + 1, at + 1 + length)))
    at += 1 + length
  }
}

const plainLabel = /^[\w*/!#$%&'+=?^`{|}~,:;<>@"()[\]-]+$/

function labelText(label: Buffer): string {
  const text = label.toString('latin1')
  if (plainLabel.test(text)) return asciiLowerCase(text)
  let escaped = ''
  for (const byte of label) {
    const one = String.fromCharCode(byte)
    escaped += plainLabel.test(one) ? asciiLowerCase(one) : `\\${String(byte).padStart(3, '0')}`
  }
  return escaped
}

function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Whether a name is the zone's apex or below it. */
export function isWithin(name: string, zone: string): boolean {
  if (zone === '' || name === zone) return true
  // Without a text of its own for each question.
  return name.endsWith(zone) && name[name.length - zone.length - 1] === '.'
}

/** The name without its first label; null for a name of one label. */
export function parentOf(name: string): string | null {
  const at = name.indexOf('.')
  return at < 0 ? null : name.slice(at + 1)
}

/**
 * The text of an uncompressed name that is known to be well formed.
 * @param at where its first length byte is.
 */
export function decodeName(bytes: Buffer, at: number): string {
  let text = ''
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    if (text !== '') text += '.'
    text += labelText(bytes.subarray(at + 1, at + 1 + length))
    at += 1 + length
  }
  return text
}

/** Names in the order of RFC 4034 §6.1: by labels from the right, each as bytes. */
export function sortNames(names: Iterable<string>): string[] {
  return Array.from(names, (name) => ({ name, labels: labelsOf(name).toReversed() }))
    .sort((one, other) => compareLabels(one.labels, other.labels))
    .map(({ name }) => name)
}

function compareLabels(one: readonly Buffer[], other: readonly Buffer[]): number {
  for (const [index, label] of one.entries()) {
    const theirs = other[index]
    if (theirs === undefined) return 1
    const order = Buffer.compare(label, theirs)
    if (order !== 0) return order
  }
  return one.length - other.length
}
