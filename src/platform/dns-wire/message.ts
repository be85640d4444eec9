/** DNS messages as bytes (RFC 1035 §4): pure reading and writing, for whoever needs more than node:dns and dns-packet tell. */
import { encodeName, readName, WireError } from './names.ts'

export const dnsTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  CDS: 59,
  CDNSKEY: 60,
  NXNAME: 128,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const

export const dnsClasses = { IN: 1, NONE: 254, ANY: 255 } as const

export const opcodes = { QUERY: 0, NOTIFY: 4, UPDATE: 5 } as const

/** RFC 1035 §4.1.1, RFC 2136 §2.2. */
export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  NOTAUTH: 9,
} as const

export const flagBits = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200 } as const

export const headerBytes = 12

export type WireQuestion = { name: string; type: number; class: number }

/** A record as it stands in a message. */
export type WireRecord = {
  owner: string
  type: number
  class: number
  ttl: number
  /** A view of the message: names in it may be compressed. */
  rdata: Buffer
  /** Where the record begins in the message, and where its RDATA does. */
  start: number
  rdataStart: number
}

export type WireMessage = {
  id: number
  /** The 16 bits between the id and the counts. */
  flags: number
  opcode: number
  rcode: number
  isResponse: boolean
  questions: WireQuestion[]
  answers: WireRecord[]
  authority: WireRecord[]
  additional: WireRecord[]
}

/** @returns null for what is no DNS message, or has something behind its end. */
export function parseMessage(bytes: Buffer): WireMessage | null {
  try {
    return readMessage(bytes)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

function readMessage(bytes: Buffer): WireMessage {
  if (bytes.length < headerBytes) throw new WireError('a header is missing')
  const flags = bytes.readUInt16BE(2)
  let at = headerBytes
  const questions: WireQuestion[] = []
  for (let left = bytes.readUInt16BE(4); left > 0; left--) {
    const { name, next } = readName(bytes, at)
    if (next + 4 > bytes.length) throw new WireError('a question ends early')
    questions.push({ name, type: bytes.readUInt16BE(next), class: bytes.readUInt16BE(next + 2) })
    at = next + 4
  }
  const section = (count: number): WireRecord[] => {
    const records: WireRecord[] = []
    for (let left = count; left > 0; left--) {
      const record = readRecord(bytes, at)
      records.push(record)
      at = record.rdataStart + record.rdata.length
    }
    return records
  }
  const answers = section(bytes.readUInt16BE(6))
  const authority = section(bytes.readUInt16BE(8))
  const additional = section(bytes.readUInt16BE(10))
  if (at !== bytes.length) throw new WireError('something stands behind the message')
  return {
    id: bytes.readUInt16BE(0),
    flags,
    opcode: (flags >> 11) & 0xf,
    rcode: flags & 0xf,
    isResponse: (flags & flagBits.response) !== 0,
    questions,
    answers,
    authority,
    additional,
  }
}

function readRecord(bytes: Buffer, start: number): WireRecord {
  const { name: owner, next } = readName(bytes, start)
  const rdataStart = next + 10
  if (rdataStart > bytes.length) throw new WireError('a record ends early')
  const end = rdataStart + bytes.readUInt16BE(next + 8)
  if (end > bytes.length) throw new WireError('a record ends early')
  return {
    owner,
    type: bytes.readUInt16BE(next),
    class: bytes.readUInt16BE(next + 2),
    ttl: bytes.readUInt32BE(next + 4),
    rdata: bytes.subarray(rdataStart, end),
    start,
    rdataStart,
  }
}

export type NewMessage = {
  id: number
  /** Of the header, the response code included. */
  flags: number
  questions: readonly WireQuestion[]
  /** Each in wire form, see `encodeRecord`. */
  answers?: readonly Buffer[]
  authority?: readonly Buffer[]
  additional?: readonly Buffer[]
}

/** A message of whole parts; nothing is compressed. */
export function encodeMessage({ id, flags, questions, ...sections }: NewMessage): Buffer {
  const { answers = [], authority = [], additional = [] } = sections
  const header = Buffer.alloc(headerBytes)
  const counts = [id, flags, questions.length, answers.length, authority.length, additional.length]
  for (const [index, value] of counts.entries()) header.writeUInt16BE(value, index * 2)
  return Buffer.concat([header, ...questions.map(encodeQuestion), ...answers, ...authority, ...additional])
}

export function encodeQuestion({ name, type, class: dnsClass }: WireQuestion): Buffer {
  const fixed = Buffer.alloc(4)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(dnsClass, 2)
  return Buffer.concat([encodeName(name), fixed])
}

export type NewRecord = { owner: string; type: number; class?: number; ttl: number; rdata: Buffer }

/** @param owner in wire form where it is not to be written out, as a pointer is. */
export function encodeRecord(record: NewRecord, owner = encodeName(record.owner)): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(record.type, 0)
  fixed.writeUInt16BE(record.class ?? dnsClasses.IN, 2)
  fixed.writeUInt32BE(record.ttl, 4)
  fixed.writeUInt16BE(record.rdata.length, 8)
  return Buffer.concat([owner, fixed, record.rdata])
}

/** The answer that only says a code (RFC 1035 §4.1.1): the question again, without records. */
export function codeOnly(request: WireMessage, rcode: number): Buffer {
  const opcodeAndRd = request.flags & 0x7900
  return encodeMessage({
    id: request.id,
    flags: flagBits.response | opcodeAndRd | rcode,
    questions: request.questions.slice(0, 1),
  })
}
