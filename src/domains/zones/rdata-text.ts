/** RDATA as it came over a wire, in the form of zones/records.ts: the other way round of rdata.ts. */
import { dnsTypes, type WireRecord } from '../../platform/dns-wire/message.ts'
import { readName, WireError } from '../../platform/dns-wire/names.ts'
import { parseRecordValue } from './record-values.ts'
import { type RecordType, recordTypes } from './records.ts'

/** The type of a number; null for one that no zone of ours holds. */
export function recordTypeOf(number: number): RecordType | null {
  return recordTypes.find((type) => dnsTypes[type] === number) ?? null
}

/**
 * @param message the record's, since names in it may be compressed.
 * @returns null for what is not of the type's form.
 */
export function decodeRdata(type: RecordType, message: Buffer, record: WireRecord): string | null {
  try {
    const text = decoders[type](record.rdata, (at) => nameAt(message, record, at))
    const parsed = parseRecordValue(type, text)
    // What we would not take may well be there: it is someone else's, and only compared.
    return parsed.ok ? parsed.value : text
  } catch (error) {
    if (error instanceof WireError || error instanceof RangeError) return null
    throw error
  }
}

/** A name that ends where the RDATA does. */
function nameAt(message: Buffer, { rdata, rdataStart }: WireRecord, at: number): string {
  const { name, next } = readName(message, rdataStart + at)
  if (next !== rdataStart + rdata.length) throw new WireError('something stands behind the name')
  return name === '' ? '.' : name
}

type Decoder = (rdata: Buffer, name: (at: number) => string) => string

const decoders: Record<RecordType, Decoder> = {
  A: (rdata) => [...sized(rdata, 4)].join('.'),
  AAAA: (rdata) =>
    sized(rdata, 16)
      .toString('hex')
      .replace(/.{4}(?!$)/g, '$&:'),
  CAA: (rdata) => {
    const valueAt = 2 + rdata.readUInt8(1)
    if (valueAt > rdata.length) throw new WireError('a tag ends early')
    const value = rdata.toString('latin1', valueAt).replace(/["\\]/g, '\\$&')
    return `${rdata.readUInt8(0)} ${rdata.toString('latin1', 2, valueAt)} "${value}"`
  },
  CNAME: (_, name) => name(0),
  MX: (rdata, name) => `${rdata.readUInt16BE(0)} ${name(2)}`,
  NS: (_, name) => name(0),
  PTR: (_, name) => name(0),
  SRV: (rdata, name) => `${[0, 2, 4].map((at) => rdata.readUInt16BE(at)).join(' ')} ${name(6)}`,
  TLSA: (rdata) => `${[0, 1, 2].map((at) => rdata.readUInt8(at)).join(' ')} ${rdata.toString('hex', 3)}`,
  TXT: decodeText,
}

function sized(rdata: Buffer, bytes: number): Buffer {
  if (rdata.length !== bytes) throw new WireError('an address of another length')
  return rdata
}

/** The character-strings together (RFC 1035 §3.3.14). */
function decodeText(rdata: Buffer): string {
  const strings: Buffer[] = []
  for (let at = 0; at < rdata.length; at += 1 + rdata.readUInt8(at)) {
    const end = at + 1 + rdata.readUInt8(at)
    if (end > rdata.length) throw new WireError('a string ends early')
    strings.push(rdata.subarray(at + 1, end))
  }
  return Buffer.concat(strings).toString('utf8')
}
