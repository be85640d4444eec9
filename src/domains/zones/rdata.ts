/** Records' values (zones/records.ts) as RDATA in wire form: RFC 1035 §3.3, and each type's own RFC. */
import { isIPv4, isIPv6 } from 'node:net'
import type { RecordType } from './records.ts'
import { encodeName } from './wire-names.ts'

/** Numbers of types, those of questions included that only a name server meets. */
export const typeNumbers = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  ANY: 255,
  CAA: 257,
} as const satisfies Record<RecordType, number> & Record<string, number>

const rdataBytesMax = 65_535
const stringBytesMax = 255 // RFC 1035 §3.3.14

/** @returns null when the value is not of the type's form. */
export function encodeRdata(type: RecordType, value: string): Buffer | null {
  return encoders[type](value)
}

const encoders: Readonly<Record<RecordType, (value: string) => Buffer | null>> = {
  A: (value) => (isIPv4(value) ? Buffer.from(value.split('.').map(Number)) : null),
  AAAA: (value) => (isIPv6(value) && !value.includes('%') ? encodeIPv6(value) : null),
  NS: encodeHost,
  CNAME: encodeHost,
  PTR: encodeHost,
  MX: (value) => encodeNumbersAndHost(value, 1), // RFC 1035 §3.3.9
  SRV: (value) => encodeNumbersAndHost(value, 3), // RFC 2782
  TXT: encodeTexts,
  CAA: encodeCaa,
  TLSA: encodeTlsa,
}

/** A host name; `.` is the root, as in a null MX (RFC 7505). */
function encodeHost(value: string): Buffer | null {
  if (value === '') return null
  return encodeName(value === '.' ? '' : value)
}

function encodeNumbersAndHost(value: string, count: number): Buffer | null {
  const parts = value.split(' ')
  const host = encodeHost(parts[count] ?? '')
  const numbers = parts.slice(0, count)
  if (parts.length !== count + 1 || host === null || !numbers.every(isUint16)) return null
  const wire = Buffer.alloc(count * 2)
  for (const [at, number] of numbers.entries()) wire.writeUInt16BE(Number(number), at * 2)
  return Buffer.concat([wire, host])
}

function isUint16(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 0xffff
}

function isUint8(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,3}$/.test(text) && Number(text) <= 0xff
}

/** A text is cut into character-strings of 255 bytes. */
function encodeTexts(value: string): Buffer | null {
  const text = Buffer.from(value, 'utf8')
  const strings: Buffer[] = []
  for (let at = 0; at < text.length || at === 0; at += stringBytesMax) {
    const piece = text.subarray(at, at + stringBytesMax)
    strings.push(Buffer.of(piece.length), piece)
  }
  const wire = Buffer.concat(strings)
  return wire.length <= rdataBytesMax ? wire : null
}

/** RFC 8659 §4.1: flags, tag, and the value in quotes or without. */
function encodeCaa(value: string): Buffer | null {
  const match = /^(\d{1,3}) ([a-z0-9]{1,15}) (?:"((?:[^"\\]|\\.)*)"|([^"\s]*))$/i.exec(value)
  const [, flags, tag = '', quoted, plain = ''] = match ?? []
  if (!match || !isUint8(flags)) return null
  const text = quoted === undefined ? plain : quoted.replace(/\\(\d{3}|.)/g, unquote)
  return Buffer.concat([Buffer.of(Number(flags), tag.length), Buffer.from(tag + text, 'latin1')])
}

function unquote(_: string, escaped: string): string {
  return /^\d{3}$/.test(escaped) ? String.fromCharCode(Number(escaped) & 0xff) : escaped
}

/** RFC 6698 §2.2: three numbers and hexadecimal digits, which may have white space among them. */
function encodeTlsa(value: string): Buffer | null {
  const [usage, selector, matching, ...rest] = value.split(' ')
  const hex = rest.join('')
  if (!isUint8(usage) || !isUint8(selector) || !isUint8(matching)) return null
  if (!/^(?:[0-9a-f]{2})+$/i.test(hex)) return null
  return Buffer.concat([
    Buffer.of(Number(usage), Number(selector), Number(matching)),
    Buffer.from(hex, 'hex'),
  ])
}

/** RFC 4291 §2.2. @param text that isIPv6() takes. */
function encodeIPv6(text: string): Buffer {
  const groups = text.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a: string, b: string, c: string, d: string) =>
      [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(':'),
  )
  const [head = '', tail] = groups.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  const wire = Buffer.alloc(16)
  for (const [at, group] of all.entries()) wire.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return wire
}
