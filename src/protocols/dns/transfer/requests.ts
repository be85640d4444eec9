/**
 * Requests that are about whole zones, or that are signed: AXFR and IXFR (RFC 5936, RFC 1995), NOTIFY and UPDATE, which
 * are refused, and whatever carries TSIG (RFC 8945).
 */
import { knownSecondaries, mayTransfer } from '../../../domains/secondaries/secondaries.ts'
import {
  codeOnly,
  dnsClasses,
  dnsTypes,
  opcodes,
  parseMessage,
  rcodes,
  type WireMessage,
} from '../../../platform/dns-wire/message.ts'
import { checkTsig, detachTsig, refuseTsig, signMessage, tsigBytes } from '../../../platform/dns-wire/tsig.ts'
import type { Platform } from '../../../platform/platform.ts'
import { axfrMessages, encodeSet, singleMessage, type TransferSignature, type TransferZone } from './axfr.ts'
import { transferLimits } from './limits.ts'
import { createSlots } from './slots.ts'

/** Where zones that may be transferred come from. */
export type TransferSource = {
  /** The zone with exactly this apex; null for one that is not transferred. */
  zone(apex: string): TransferZone | null | Promise<TransferZone | null>
  /** Whether this is a zone that only secondaries may ask about at all. */
  isPrivate(name: string): boolean
}

export type TransferRequest = {
  bytes: Buffer
  transport: 'udp' | 'tcp'
  /** Of the client. */
  address: string
  /** What the name server answers to the same question without TSIG, whole, and at most so long over UDP. */
  answerPlain(roomForTsig: number): Promise<Buffer>
}

export type Transfers = {
  /** The messages that answer it, as they are wanted. Whoever takes no more of them lets the iterator return. */
  answer(request: TransferRequest): AsyncIterable<Buffer>
}

type Context = {
  platform: Platform
  source: TransferSource
  slots: ReturnType<typeof createSlots>
  request: TransferRequest
  message: WireMessage
  /** null: the request was not signed. */
  signature: TransferSignature | null
}

export function createTransfers(platform: Platform, source: TransferSource): Transfers {
  const slots = createSlots({
    max: transferLimits.transfersMax,
    waitingMax: transferLimits.waitingMax,
    waitMsMax: transferLimits.waitMsMax,
  })
  return {
    async *answer(request) {
      const message = parseMessage(request.bytes)
      if (message === null || message.isResponse) return
      let hasBegun = false
      try {
        for await (const reply of checked({ platform, source, slots, request, message })) {
          hasBegun = true
          yield reply
        }
      } catch (cause) {
        const type = message.questions[0]?.type
        platform.log.error({ event: 'dns.request_failed', opcode: message.opcode, type, cause })
        if (hasBegun) throw cause // the connection ends, so that nobody takes a part for a whole
        yield codeOnly(message, rcodes.SERVFAIL)
      }
    },
  }
}

/** The TSIG first: what is signed wrongly goes no further. */
async function* checked(base: Omit<Context, 'signature'>): AsyncGenerator<Buffer> {
  const { platform, request, message } = base
  const signed = detachTsig(request.bytes, message)
  if (signed === 'malformed') return yield codeOnly(message, rcodes.FORMERR)
  if (signed === null) return yield* answered({ ...base, signature: null })
  const key = (await knownSecondaries(platform)).keys.get(signed.fields.keyName)
  const nowSeconds = (): number => Math.floor(platform.clock.now().getTime() / 1000)
  const verdict = checkTsig(signed, key, nowSeconds())
  if (!verdict.ok) {
    return yield refuseTsig(codeOnly(message, rcodes.NOTAUTH), signed, verdict, key, nowSeconds())
  }
  if (key === undefined) return // an unknown key is a verdict
  const plain = parseMessage(signed.unsigned)
  if (plain === null) return yield codeOnly(message, rcodes.FORMERR)
  yield* answered({
    ...base,
    message: { ...plain, id: message.id },
    signature: { key, requestMac: verdict.mac, nowSeconds },
  })
}

async function* answered(context: Context): AsyncGenerator<Buffer> {
  const { message, source, request, signature } = context
  const [question, ...more] = message.questions
  if (message.opcode !== opcodes.QUERY) return yield refusal(context, rcodes.REFUSED)
  if (question === undefined || more.length > 0) return yield refusal(context, rcodes.FORMERR)
  const isTransfer = question.type === dnsTypes.AXFR || question.type === dnsTypes.IXFR
  if (isTransfer || source.isPrivate(question.name)) return yield* zoneAnswer(context, question.name)
  if (signature === null) return // a plain question is not for us
  yield signedReply(context, await request.answerPlain(tsigBytes(signature.key)))
}

async function* zoneAnswer(context: Context, name: string): AsyncGenerator<Buffer> {
  const { platform, source, request, message, signature } = context
  const [question] = message.questions
  const isKnown = mayTransfer(await knownSecondaries(platform), signature?.key ?? null, request.address)
  if (!isKnown || question?.class !== dnsClasses.IN) return yield refusal(context, rcodes.REFUSED)
  const zone = await source.zone(name)
  // RFC 5936 §2.2.1: for a zone that is not ours.
  if (zone === null) return yield refusal(context, rcodes.NOTAUTH)
  const soa = encodeSet(zone.soa, zone.name)
  if (question.type !== dnsTypes.AXFR && question.type !== dnsTypes.IXFR) {
    return yield singleMessage(message, question.type === dnsTypes.SOA ? soa : [], signature)
  }
  if (request.transport === 'udp') {
    // RFC 1995 §2: the SOA alone says that TCP is needed. AXFR is not for UDP (RFC 5936 §4.2).
    return yield question.type === dnsTypes.IXFR
      ? singleMessage(message, soa, signature)
      : refusal(context, rcodes.FORMERR)
  }
  if (question.type === dnsTypes.IXFR && hasSerial(message, zone.serial)) {
    return yield singleMessage(message, soa, signature)
  }
  yield* transfer(context, zone)
}

async function* transfer(context: Context, zone: TransferZone): AsyncGenerator<Buffer> {
  const { slots, message, signature, platform, request } = context
  const release = await slots.take()
  if (release === null) return yield refusal(context, rcodes.SERVFAIL)
  let bytes = 0
  try {
    for await (const part of axfrMessages(message, zone, signature)) {
      bytes += part.length
      yield part
    }
    platform.log.debug({ event: 'dns.transferred', zone: zone.name, to: request.address, bytes })
  } finally {
    release()
  }
}

/** Whether the client of an IXFR says that it has this version, or a later one (RFC 1982 §3.2). */
function hasSerial(message: WireMessage, serial: number): boolean {
  const soa = message.authority.find(({ type }) => type === dnsTypes.SOA)
  if (soa === undefined || soa.rdata.length < 20) return false
  const theirs = soa.rdata.readUInt32BE(soa.rdata.length - 20)
  return (theirs - serial) >>> 0 < 0x8000_0000
}

function refusal(context: Context, rcode: number): Buffer {
  return signedReply(context, codeOnly(context.message, rcode))
}

/** A reply with the request's TSIG, if it had one. */
function signedReply({ signature }: Context, reply: Buffer): Buffer {
  if (signature === null) return reply
  const { key, requestMac: priorMac, nowSeconds } = signature
  return signMessage(reply, key, { priorMac, nowSeconds: nowSeconds() }).message
}
