/** TSIG (RFC 8945): messages signed with a secret that both sides have. Pure functions over bytes; no key is looked up here. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  dnsClasses,
  dnsTypes,
  encodeRecord,
  parseMessage,
  rcodes,
  type WireMessage,
  type WireRecord,
} from './message.ts'
import { encodeName, readName, WireError } from './names.ts'

/** MD5 and SHA-1 are not for new keys (RFC 8945 §6). */
export const tsigAlgorithms = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
export type TsigAlgorithm = (typeof tsigAlgorithms)[number]

export type TsigKey = {
  /** Lower case, no final dot. */
  name: string
  algorithm: TsigAlgorithm
  secret: Buffer
}

/** RFC 8945 §3. */
export const tsigErrors = { BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const

/** How far clocks may be apart, in seconds (RFC 8945 §10). */
export const fudgeSeconds = 300

const digests = { 'hmac-sha256': 'sha256', 'hmac-sha384': 'sha384', 'hmac-sha512': 'sha512' } as const
const macBytes = { 'hmac-sha256': 32, 'hmac-sha384': 48, 'hmac-sha512': 64 } as const
// RFC 8945 §5.2.2.1: a shorter one is no MAC at all.
const macBytesMin = 10

/** The fields of a TSIG record (RFC 8945 §4.2). */
export type TsigFields = {
  keyName: string
  algorithm: string
  /** Seconds since 1970. */
  timeSigned: number
  fudge: number
  mac: Buffer
  originalId: number
  error: number
  other: Buffer
}

/** A message without its TSIG record, as it was signed, and that record. */
export type SignedMessage = { unsigned: Buffer; fields: TsigFields }

/**
 * Takes the TSIG record off.
 * @returns null when there is none; 'malformed' when it is not the last record, not the only one, or no TSIG (§5.1).
 */
export function detachTsig(bytes: Buffer, message: WireMessage): SignedMessage | null | 'malformed' {
  const last = message.additional.at(-1)
  const all = [...message.answers, ...message.authority, ...message.additional]
  const count = all.filter(({ type }) => type === dnsTypes.TSIG).length
  if (count === 0) return null
  if (count > 1 || last?.type !== dnsTypes.TSIG) return 'malformed'
  const fields = last.class === dnsClasses.ANY && last.ttl === 0 ? readFields(bytes, last) : null
  if (fields === null) return 'malformed'
  const unsigned = Buffer.from(bytes.subarray(0, last.start))
  unsigned.writeUInt16BE(fields.originalId, 0)
  unsigned.writeUInt16BE(message.additional.length - 1, 10)
  return { unsigned, fields }
}

function readFields(bytes: Buffer, record: WireRecord): TsigFields | null {
  const end = record.rdataStart + record.rdata.length
  try {
    const { name: algorithm, next } = readName(bytes, record.rdataStart)
    if (next + 10 > end) return null
    const macEnd = next + 10 + bytes.readUInt16BE(next + 8)
    if (macEnd + 6 > end || macEnd + 6 + bytes.readUInt16BE(macEnd + 4) !== end) return null
    return {
      keyName: record.owner,
      algorithm,
      timeSigned: bytes.readUIntBE(next, 6),
      fudge: bytes.readUInt16BE(next + 6),
      mac: bytes.subarray(next + 10, macEnd),
      originalId: bytes.readUInt16BE(macEnd),
      error: bytes.readUInt16BE(macEnd + 2),
      other: bytes.subarray(macEnd + 6, end),
    }
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

/** What is digested before the message itself. */
export type MacContext = {
  /** The MAC of the request, or of the message before in a stream; null for a request. */
  priorMac: Buffer | null
  /** In a stream, all but the first digest only the timers (§5.3.1). */
  isContinuation: boolean
}

const requestContext: MacContext = { priorMac: null, isContinuation: false }

function macOf(key: TsigKey, unsigned: readonly Buffer[], fields: TsigFields, context: MacContext): Buffer {
  const hmac = createHmac(digests[key.algorithm], key.secret)
  if (context.priorMac !== null) hmac.update(twoBytes(context.priorMac.length)).update(context.priorMac)
  for (const message of unsigned) hmac.update(message)
  const timers = Buffer.alloc(8)
  timers.writeUIntBE(fields.timeSigned, 0, 6)
  timers.writeUInt16BE(fields.fudge, 6)
  if (context.isContinuation) return hmac.update(timers).digest()
  return hmac
    .update(encodeName(key.name))
    .update(twoBytes(dnsClasses.ANY))
    .update(Buffer.alloc(4)) // TTL
    .update(encodeName(fields.algorithm))
    .update(timers)
    .update(twoBytes(fields.error))
    .update(twoBytes(fields.other.length))
    .update(fields.other)
    .digest()
}

function twoBytes(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export type SignOptions = Partial<MacContext> & { nowSeconds: number; error?: number; other?: Buffer }

/** Adds a TSIG record. @returns the message and its MAC, which the answer or the next message is signed over. */
export function signMessage(
  message: Buffer,
  key: TsigKey,
  options: SignOptions,
): { message: Buffer; mac: Buffer } {
  const fields: TsigFields = {
    keyName: key.name,
    algorithm: key.algorithm,
    timeSigned: options.nowSeconds,
    fudge: fudgeSeconds,
    mac: Buffer.alloc(0),
    originalId: message.readUInt16BE(0),
    error: options.error ?? 0,
    other: options.other ?? Buffer.alloc(0),
  }
  const context = { ...requestContext, ...options }
  const mac = macOf(key, [message], fields, context)
  return { message: attach(message, { ...fields, mac }), mac }
}

/** How many bytes a TSIG record of this key takes. */
export function tsigBytes({ name, algorithm }: TsigKey): number {
  return encodeName(name).length + 10 + encodeName(algorithm).length + 16 + macBytes[algorithm]
}

function attach(message: Buffer, fields: TsigFields): Buffer {
  const timers = Buffer.alloc(8)
  timers.writeUIntBE(fields.timeSigned, 0, 6)
  timers.writeUInt16BE(fields.fudge, 6)
  const rdata = Buffer.concat([
    encodeName(fields.algorithm),
    timers,
    twoBytes(fields.mac.length),
    fields.mac,
    twoBytes(fields.originalId),
    twoBytes(fields.error),
    twoBytes(fields.other.length),
    fields.other,
  ])
  const record = encodeRecord({
    owner: fields.keyName,
    type: dnsTypes.TSIG,
    class: dnsClasses.ANY,
    ttl: 0,
    rdata,
  })
  const signed = Buffer.concat([message, record])
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10)
  return signed
}

export type Verdict =
  | { ok: true; mac: Buffer }
  /** `isAuthentic`: the MAC was right, and only the time is not (§5.2.3), so that the refusal can be signed. */
  | { ok: false; error: number; isAuthentic: boolean }

/** Checks a signed message against a key (§5.2): first the key, then the MAC, then the time, then its length. */
export function checkTsig(
  signed: SignedMessage,
  key: TsigKey | undefined,
  nowSeconds: number,
  context: MacContext = requestContext,
  between: readonly Buffer[] = [],
): Verdict {
  const { unsigned, fields } = signed
  if (key === undefined || fields.algorithm !== key.algorithm || fields.keyName !== key.name)
    return { ok: false, error: tsigErrors.BADKEY, isAuthentic: false }
  const expected = macOf(key, [...between, unsigned], fields, context)
  const length = fields.mac.length
  if (length < Math.max(macBytesMin, expected.length / 2) || length > expected.length)
    return { ok: false, error: tsigErrors.BADSIG, isAuthentic: false }
  if (!timingSafeEqual(fields.mac, expected.subarray(0, length)))
    return { ok: false, error: tsigErrors.BADSIG, isAuthentic: false }
  if (Math.abs(nowSeconds - fields.timeSigned) > fields.fudge)
    return { ok: false, error: tsigErrors.BADTIME, isAuthentic: true }
  // Our policy (§5.2.4): no truncated MACs, which nobody uses.
  if (length < macBytes[key.algorithm]) return { ok: false, error: tsigErrors.BADTRUNC, isAuthentic: true }
  return { ok: true, mac: fields.mac }
}

/**
 * Completes the answer to a request whose TSIG was refused (§5.2, §5.3.2): signed when the MAC was right, else with an
 * empty MAC, so that nobody has signatures made for him.
 * @param message the answer, with NOTAUTH in its header.
 */
export function refuseTsig(
  message: Buffer,
  request: SignedMessage,
  verdict: Extract<Verdict, { ok: false }>,
  key: TsigKey | undefined,
  nowSeconds: number,
): Buffer {
  const { fields } = request
  const other = Buffer.alloc(verdict.error === tsigErrors.BADTIME ? 6 : 0)
  if (other.length > 0) other.writeUIntBE(nowSeconds, 0, 6)
  if (verdict.isAuthentic && key !== undefined) {
    // The client's own time, so that it can check the MAC before it believes ours (§5.2.3).
    const options = { nowSeconds: fields.timeSigned, priorMac: fields.mac, error: verdict.error, other }
    return signMessage(message, key, options).message
  }
  return attach(message, {
    ...fields,
    timeSigned: nowSeconds,
    fudge: fudgeSeconds,
    mac: Buffer.alloc(0),
    originalId: message.readUInt16BE(0),
    error: verdict.error,
    other,
  })
}

export const notAuth = rcodes.NOTAUTH

// RFC 8945 §5.3.1: at least every hundredth message of a stream is signed.
const unsignedMax = 99

/** Checks the messages of one answer, which may be a stream, against the request's MAC. */
export function createAnswerVerifier(key: TsigKey, requestMac: Buffer) {
  let context: MacContext = { priorMac: requestMac, isContinuation: false }
  let between: Buffer[] = []
  return {
    /** @returns whether the message may be believed, if the ones after it can. */
    accept(bytes: Buffer, nowSeconds: number): boolean {
      const message = parseMessage(bytes)
      const signed = message === null ? 'malformed' : detachTsig(bytes, message)
      if (signed === 'malformed') return false
      if (signed === null) {
        between.push(bytes)
        return context.isContinuation && between.length <= unsignedMax
      }
      const verdict = checkTsig(signed, key, nowSeconds, context, between)
      if (!verdict.ok || signed.fields.error !== 0) return false
      context = { priorMac: verdict.mac, isContinuation: true }
      between = []
      return true
    },
    /** Whether the last message was a signed one, as it must be at the end. */
    isComplete: (): boolean => between.length === 0 && context.isContinuation,
  }
}
