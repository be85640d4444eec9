/**
 * Queries as they come over the wire (RFC 1035 §4.1): read strictly, without copying. Only their question, EDNS and
 * the place of a TSIG are looked at; nothing of what is not understood is believed.
 */
import { dnsLimits } from './limits.ts'
import { opcodes, questionTypes, rcodes } from './numbers.ts'

export type Edns = {
  version: number
  /** What the client takes over UDP, at least 512 (RFC 6891 §6.2.3). */
  payloadBytes: number
  dnssecOk: boolean
  /** RFC 9824 §5: the client understands NXDOMAIN beside a compact denial. */
  compactOk: boolean
  /** The option as it is (RFC 7873 §4): 8 bytes of the client's, and 8 to 32 of a server's or none. */
  cookie: Buffer | null
}

export type Question = {
  /** Where its name ends, and it ends: the name begins behind the header. */
  nameEnd: number
  end: number
  type: number
  class: number
  /** Whether the name is in mixed case, as resolvers that want to be hard to spoof send it. */
  hasUpperCase: boolean
}

export type Query = {
  id: number
  opcode: number
  recursionDesired: boolean
  checkingDisabled: boolean
  /** Only a request for a cookie has none (RFC 7873 §5.4). */
  question: Question | null
  edns: Edns | null
  /** Where the TSIG record begins, which is the last of the message (RFC 8945 §5.1). */
  tsigAt: number | null
}

/** What is answered with nothing but an error. */
export type BadQuery = { id: number; opcode: number; rcode: number }

export const headerBytes = 12
const flags = { response: 0x8000, recursionDesired: 0x0100, checkingDisabled: 0x0010 } as const

/** @returns null for what is not answered at all: answers of others, and what has no header. */
export function parseQuery(bytes: Buffer): Query | BadQuery | null {
  if (bytes.length < headerBytes) return null
  const bits = bytes.readUInt16BE(2)
  if ((bits & flags.response) !== 0) return null
  const id = bytes.readUInt16BE(0)
  const opcode = (bits >> 11) & 0xf
  const bad = (rcode: number): BadQuery => ({ id, opcode, rcode })
  if (opcode !== opcodes.query && opcode !== opcodes.notify && opcode !== opcodes.update) {
    return bad(rcodes.notImplemented)
  }
  const questions = bytes.readUInt16BE(4)
  const others = bytes.readUInt16BE(6) + bytes.readUInt16BE(8)
  const additional = bytes.readUInt16BE(10)
  if (questions > 1 || others + additional > dnsLimits.recordsMax) return bad(rcodes.formatError)
  const question = questions === 0 ? null : parseQuestion(bytes)
  if (questions === 1 && question === null) return bad(rcodes.formatError)
  // An IXFR says in its authority section what the client has (RFC 1995 §3).
  const mayHaveOthers = opcode !== opcodes.query || question?.type === questionTypes.ixfr
  if (others > 0 && !mayHaveOthers) return bad(rcodes.formatError)
  const pseudo = parseRecords(bytes, question?.end ?? headerBytes, others, additional)
  if (pseudo === null) return bad(rcodes.formatError)
  if (question === null && (opcode !== opcodes.query || !pseudo.edns?.cookie)) return bad(rcodes.formatError)
  return {
    id,
    opcode,
    recursionDesired: (bits & flags.recursionDesired) !== 0,
    checkingDisabled: (bits & flags.checkingDisabled) !== 0,
    question,
    edns: pseudo.edns,
    tsigAt: pseudo.tsigAt,
  }
}

/** There is nothing before it that a pointer could lead to, so that its name has none. */
function parseQuestion(bytes: Buffer): Question | null {
  let at = headerBytes
  let hasUpperCase = false
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > labelBytesMax) return null
    at++
    if (length === 0) break
    if (at + length > bytes.length) return null
    for (const end = at + length; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte >= 0x41 && byte <= 0x5a) hasUpperCase = true
    }
  }
  if (at - headerBytes > nameBytesMax || at + 4 > bytes.length) return null
  return {
    nameEnd: at,
    end: at + 4,
    type: bytes.readUInt16BE(at),
    class: bytes.readUInt16BE(at + 2),
    hasUpperCase,
  }
}

const labelBytesMax = 63
const nameBytesMax = 255

type Pseudo = { edns: Edns | null; tsigAt: number | null }

/** Goes over all records to the end of the message, and takes OPT and TSIG from the additional section. */
function parseRecords(bytes: Buffer, from: number, others: number, additional: number): Pseudo | null {
  let at = from
  let edns: Edns | null = null
  let tsigAt: number | null = null
  for (let count = 0; count < others + additional; count++) {
    const nameEnd = skipName(bytes, at)
    if (nameEnd === null || nameEnd + 10 > bytes.length) return null
    const type = bytes.readUInt16BE(nameEnd)
    const dataAt = nameEnd + 10
    const end = dataAt + bytes.readUInt16BE(nameEnd + 8)
    if (end > bytes.length || tsigAt !== null) return null
    if (type === questionTypes.opt) {
      // RFC 6891 §6.1.1: one, of the root, in the additional section.
      if (edns !== null || count < others || nameEnd !== at + 1) return null
      edns = parseEdns(bytes, nameEnd, dataAt, end)
      if (edns === null) return null
    }
    if (type === questionTypes.tsig) {
      if (count < others) return null
      tsigAt = at
    }
    at = end
  }
  return at === bytes.length ? { edns, tsigAt } : null
}

/** @returns where a name ends that may end in a pointer: where that leads is of no interest here. */
function skipName(bytes: Buffer, from: number): number | null {
  for (let at = from; at - from <= nameBytesMax; ) {
    const length = bytes[at]
    if (length === undefined) return null
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2 <= bytes.length ? at + 2 : null
    if (length > labelBytesMax) return null
    at += 1 + length
  }
  return null
}

const cookieOption = 10

/** RFC 6891 §6.1.2, §6.1.3: the class is a size, the TTL has the version and flags. */
function parseEdns(bytes: Buffer, fieldsAt: number, from: number, end: number): Edns | null {
  let cookie: Buffer | null = null
  for (let at = from; at < end; ) {
    if (at + 4 > end) return null
    const optionEnd = at + 4 + bytes.readUInt16BE(at + 2)
    if (optionEnd > end) return null
    if (bytes.readUInt16BE(at) === cookieOption) {
      const length = optionEnd - at - 4
      if (length !== 8 && (length < 16 || length > 40)) return null // RFC 7873 §5.2.2
      cookie ??= bytes.subarray(at + 4, optionEnd)
    }
    at = optionEnd
  }
  return {
    version: bytes[fieldsAt + 5] ?? 0,
    payloadBytes: Math.max(bytes.readUInt16BE(fieldsAt + 2), dnsLimits.plainUdpBytesMax),
    dnssecOk: ((bytes[fieldsAt + 6] ?? 0) & 0x80) !== 0,
    compactOk: ((bytes[fieldsAt + 6] ?? 0) & 0x40) !== 0,
    cookie,
  }
}
