/** Records' values (zones/records.ts) as RDATA in wire form: RFC 1035 §3.3, and each type's own RFC. */
import { isIPv4, isIPv6 } from 'node:net'
import { addressBytes } from '../../platform/address-bytes.ts'
import { tryEncodeName } from '../../platform/dns-wire/names.ts'
import type { RecordType } from './records.ts'

const rdataBytesMax = 65_535
const stringBytesMax = 255 // RFC 1035 §3.3.14

/** @returns null when the value is not of the type's form. */
export function encodeRdata(type: RecordType, value: string): Buffer | null {
  return encoders[type](value)
}

const encoders: Readonly<Record<RecordType, (value: string) => Buffer | null>> = {
  A: (value) => (isIPv4(value) ? addressBytes(value) : null),
  AAAA: (value) => (isIPv6(value) ? ipv6Only(value) : null),
  NS: encodeHost,
  CNAME: encodeHost,
  PTR: encodeHost,
  MX: (value) => encodeNumbersAndHost(value, 1), // RFC 1035 §3.3.9
  SRV: (value) => encodeNumbersAndHost(value, 3), // RFC 2782
  TXT: encodeTexts,
  CAA: encodeCaa,
  TLSA: encodeTlsa,
}

/** An IPv4-mapped one is an IPv6 address all the same; one with a zone (RFC 4007 §11) is none for others. */
function ipv6Only(value: string): Buffer | null {
  const bytes = value.includes('%') ? null : addressBytes(value)
  return bytes?.length === 4 ? Buffer.concat([mappedPrefix, bytes]) : bytes
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex')

/** A host name; `.` is the root, as in a null MX (RFC 7505). */
function encodeHost(value: string): Buffer | null {
  if (value === '') return null
  return tryEncodeName(value === '.' ? '' : value)
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
