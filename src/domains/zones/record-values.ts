/** Values of records as people and DNS hosts write them, and their one form (see records.ts). */
import { isIPv4, isIPv6 } from 'node:net'
import { joinStrings } from './character-strings.ts'
import { parseTargetName } from './record-names.ts'
import { recordPolicy } from './record-policy.ts'
import type { RecordType } from './records.ts'

export type ParsedValue = { ok: true; value: string } | { ok: false; problem: string }

const good = (value: string): ParsedValue => ({ ok: true, value })
const bad = (problem: string): ParsedValue => ({ ok: false, problem })

/**
 * One value of a type: an address, a name, or fields with a space between them, as in a zone file. A TXT value is the text itself;
 * one that stands in quotes is read as the character-strings of a zone file. Names are whole ones.
 * @returns the value in the form of records.ts, or what is wrong with it.
 */
export function parseRecordValue(type: RecordType, text: string): ParsedValue {
  return parsers[type](type === 'TXT' ? text : text.trim())
}

const parsers: Record<RecordType, (text: string) => ParsedValue> = {
  A: (text) => (isIPv4(text) ? good(text) : bad('It must be an IPv4 address.')),
  AAAA: parseIpv6,
  CAA: parseCaa,
  CNAME: parseName,
  MX: parseMx,
  NS: parseName,
  PTR: parseName,
  SRV: parseSrv,
  TLSA: parseTlsa,
  TXT: parseTxt,
}

function parseIpv6(text: string): ParsedValue {
  if (!isIPv6(text) || text.includes('%')) return bad('It must be an IPv6 address.')
  return good(new URL(`http://[${text}]/`).hostname.slice(1, -1)) // RFC 5952's form
}

function parseName(text: string): ParsedValue {
  const name = parseTargetName(text)
  return name === null ? bad('It must be a whole name, as in host.example.com.') : good(name)
}

/** RFC 1035 §3.3.9; `0 .` says that there is no mail (RFC 7505). */
function parseMx(text: string): ParsedValue {
  const [preference = '', target = '', ...rest] = text.split(/\s+/)
  const name = target === '.' && preference === '0' ? '.' : parseTargetName(target)
  return rest.length === 0 && isNumber(preference, 65_535) && name !== null
    ? good(`${Number(preference)} ${name}`)
    : bad('It must be a preference and a host name, as in 10 mx.example.com.')
}

/** RFC 2782; the target `.` says that there is no such service. */
function parseSrv(text: string): ParsedValue {
  const [target = '', ...numbers] = text.split(/\s+/).reverse()
  const name = target === '.' ? '.' : parseTargetName(target)
  return numbers.length === 3 && numbers.every((one) => isNumber(one, 65_535)) && name !== null
    ? good([...numbers.reverse().map(Number), name].join(' '))
    : bad('It must be priority, weight, port and host name, as in 0 5 993 imap.example.com.')
}

/** RFC 8659 §4.1. */
function parseCaa(text: string): ParsedValue {
  const [, flags = '', tag = '', quoted, plain] =
    /^(\d{1,3})\s+([a-z0-9]{1,15})\s+(?:"([^"\\]*)"|([^\s"\\]+))$/i.exec(text) ?? []
  const value = quoted ?? plain ?? ''
  return isNumber(flags, 255) && /^[\x20-\x7e]{0,255}$/.test(value)
    ? good(`${Number(flags)} ${tag.toLowerCase()} "${value}"`)
    : bad('It must be flags, a tag and a value in quotes, as in 0 issue "ca.example".')
}

const digestLengths: Readonly<Record<string, number>> = { 1: 64, 2: 128 }
const certificateDigitsMax = 8192

/** RFC 6698 §2.2; white space within the last field has no meaning. */
function parseTlsa(text: string): ParsedValue {
  const [usage = '', selector = '', matching = '', ...rest] = text.split(/\s+/)
  const data = rest.join('').toLowerCase()
  const isData = /^(?:[0-9a-f]{2})+$/.test(data) && data.length <= certificateDigitsMax
  const fits = data.length === (digestLengths[matching] ?? data.length)
  return [usage, selector, matching].every((one) => isNumber(one, 255)) && isData && fits
    ? good(`${Number(usage)} ${Number(selector)} ${Number(matching)} ${data}`)
    : bad('It must be usage, selector, matching type and a hexadecimal digest, as in 3 1 1 0a1b…')
}

function parseTxt(text: string): ParsedValue {
  const value = joinStrings(text) ?? text
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (value === '' || /[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed()) {
    return bad('It must be a text without control characters.')
  }
  return Buffer.byteLength(value) <= recordPolicy.txtBytesMax
    ? good(value)
    : bad(`A text has at most ${recordPolicy.txtBytesMax} bytes.`)
}

function isNumber(text: string, max: number): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= max
}
