/**
 * From the bytes of a query to those of its answer, for both transports. The usual question is answered from memory
 * at once; whatever must wait gives a promise.
 */
import { answerFrom } from '../../domains/zones/answer.ts'
import type { FoundZone, Version } from '../../domains/zones/found-zone.ts'
import type { ZoneStore } from '../../domains/zones/store.ts'
import type { ZoneAnswer } from '../../domains/zones/zone-answer.ts'
import { decodeName } from '../../platform/dns-wire/names.ts'
import type { Logger } from '../../platform/log.ts'
import { type CachedAnswer, createAnswerCache, keyOfQuestion, lowerQuestion } from './answer-cache.ts'
import type { Cookies } from './cookies.ts'
import { finishMessage, optBytesMax } from './finish-message.ts'
import { dnsLimits } from './limits.ts'
import { classes, isMetaType, opcodes, questionTypes, rcodes } from './numbers.ts'
import type { HandleOther, Transport } from './other-requests.ts'
import { headerBytes, parseQuery, type Query, type Question } from './query.ts'
import type { RateLimit } from './rate-limit.ts'
import { type Response, writeResponse, writeTruncation } from './response.ts'

/** One message, none, or, later, any number of them. */
export type Reply = Buffer | null | Promise<Iterable<Buffer> | AsyncIterable<Buffer>>

export type Responder = (bytes: Buffer, transport: Transport, address: string) => Reply

export type ResponderParts = {
  store: ZoneStore
  cookies: Cookies
  rateLimit: RateLimit
  handleOther: HandleOther
  /** Whether a name is of a zone that `handleOther` alone answers for. */
  isPrivate: (name: string) => boolean
  /** Told of every query. @param rcode null: it was not answered. */
  count: (transport: Transport, rcode: number | null) => void
  log: Logger
}

/** Answers differ by what fits, and by whether signatures are wanted; these are kept, others are made each time. */
const variants = { plain: 0, edns: 1, dnssec: 2 } as const

type Client = { transport: Transport; address: string }

export function createResponder(parts: ResponderParts): Responder {
  const { store, cookies, rateLimit, handleOther, isPrivate, count, log } = parts
  const cache = createAnswerCache(Object.keys(variants).length)

  return (bytes, transport, address) => {
    const query = parseQuery(bytes)
    if (query === null) {
      count(transport, null)
      return null
    }
    const client = { transport, address }
    if ('rcode' in query) return send(bareQuery(query), bytes, client, errorAnswer(query.rcode))
    if (query.edns !== null && query.edns.version !== 0)
      return refuse(query, bytes, client, rcodes.badVersion)
    const { question } = query
    if (isOther(query)) return answerOther(query, bytes, client)
    if (question === null) return send(query, bytes, client, errorAnswer(rcodes.noError))
    if (question.type === questionTypes.opt) return refuse(query, bytes, client, rcodes.formatError)
    if (isMetaType(question.type)) return refuse(query, bytes, client, rcodes.notImplemented)
    if (question.class !== classes.internet) return refuse(query, bytes, client, rcodes.refused)
    return answerQuestion(query, question, bytes, client)
  }

  function answerQuestion(query: Query, question: Question, bytes: Buffer, client: Client): Reply {
    const variant = client.transport === 'udp' ? variantOf(query) : null
    const key = keyOfQuestion(bytes, question)
    const { topology } = store
    const known = variant === null ? null : cache.get(key, variant, topology)
    if (known !== null) return send(query, bytes, client, known)
    const name = decodeName(bytes, headerBytes)
    if (isPrivate(name)) return answerOther(query, bytes, client)
    const broken = (cause: unknown): Buffer | null => {
      log.error({ event: 'dns.answer_failed', name, type: question.type, cause })
      return failed(query, bytes, client)
    }
    try {
      const found = store.find(name, question.type)
      if (found === null) return refuse(query, bytes, client, rcodes.refused)
      const answer = (zone: FoundZone): Buffer | null => {
        const made = makeAnswer(zone, name, query, question, bytes, messageBytesMax(query, client.transport))
        if (variant !== null) cache.set(key, variant, made, versionOf(zone, variant), topology)
        return send(query, bytes, client, made)
      }
      if (!(found instanceof Promise)) return answer(found)
      return found
        .then((zone) => messages(zone === null ? failed(query, bytes, client) : answer(zone)))
        .catch((cause: unknown) => messages(broken(cause)))
    } catch (cause) {
      return broken(cause)
    }
  }

  function failed(query: Query, bytes: Buffer, client: Client): Buffer | null {
    return refuse(query, bytes, client, rcodes.serverFailure)
  }

  function refuse(query: Query, bytes: Buffer, client: Client, rcode: number): Buffer | null {
    return send(query, bytes, client, errorAnswer(rcode, questionOf(query, bytes)))
  }

  async function answerOther(
    query: Query,
    bytes: Buffer,
    client: Client,
  ): Promise<Iterable<Buffer> | AsyncIterable<Buffer>> {
    const answer = async (bytesMax: number): Promise<Buffer> => {
      const { question } = query
      const name = decodeName(bytes, headerBytes)
      const found = question === null ? null : store.find(name, question.type)
      if (question === null || found === null)
        return errorAnswer(rcodes.refused, questionOf(query, bytes)).bytes
      const zone = await found
      if (zone === null) return errorAnswer(rcodes.serverFailure, questionOf(query, bytes)).bytes
      return makeAnswer(zone, name, query, question, bytes, bytesMax).bytes
    }
    try {
      const replies = await handleOther({ bytes, query, ...client, answer })
      if (replies !== null) {
        count(client.transport, rcodes.noError)
        return replies
      }
      const rcode = query.opcode !== opcodes.query ? rcodes.notImplemented : unhandledRcode(query)
      return messages(refuse(query, bytes, client, rcode))
    } catch (cause) {
      log.error({ event: 'dns.request_failed', opcode: query.opcode, type: query.question?.type, cause })
      return messages(failed(query, bytes, client))
    }
  }

  /** The last step of each answer that is ours: the rate, the cookie, and what is the query's own. */
  function send(
    query: Query,
    bytes: Buffer,
    { transport, address }: Client,
    answer: CachedAnswer,
  ): Buffer | null {
    const cookie = query.edns?.cookie ? cookies.check(query.edns.cookie, address) : null
    const verdict =
      transport === 'tcp' || cookie?.isValid === true ? 'send' : rateLimit.judge(address, answer.isNegative)
    if (verdict === 'drop') {
      count(transport, null)
      return null
    }
    const rcode = verdict === 'slip' ? rcodes.noError : answer.rcode
    count(transport, rcode)
    const message = verdict === 'slip' ? writeTruncation(questionOf(query, bytes)) : answer.bytes
    return finishMessage(message, query, bytes, rcode, cookie?.option ?? null)
  }
}

function isOther({ opcode, question, tsigAt }: Query): boolean {
  return (
    opcode !== opcodes.query ||
    tsigAt !== null ||
    question?.type === questionTypes.axfr ||
    question?.type === questionTypes.ixfr
  )
}

/** A transfer that is not given is refused; a signature that nobody can check is RFC 8945 §5.2's NOTAUTH. */
function unhandledRcode({ tsigAt }: Query): number {
  return tsigAt === null ? rcodes.refused : rcodes.notAuthoritative
}

function variantOf({ edns }: Query): number | null {
  if (edns === null) return variants.plain
  if (edns.payloadBytes < dnsLimits.udpBytesMax || edns.compactOk) return null
  return edns.dnssecOk ? variants.dnssec : variants.edns
}

/** Signatures come to an end: what has some is made anew after a while, although the zone says the same. */
function versionOf({ version, signer }: FoundZone, variant: number): Version {
  if (signer === null || variant !== variants.dnssec) return version
  const untilMs = performance.now() + dnsLimits.signedAnswerMsMax
  return {
    get isCurrent() {
      return version.isCurrent && performance.now() < untilMs
    },
  }
}

/** Room for the OPT record is left whether there will be a cookie in it or not: the answer is kept for all. */
export function messageBytesMax({ edns }: Query, transport: Transport): number {
  if (transport === 'tcp') return dnsLimits.tcpBytesMax - optBytesMax
  if (edns === null) return dnsLimits.plainUdpBytesMax
  return Math.min(edns.payloadBytes, dnsLimits.udpBytesMax) - optBytesMax
}

function makeAnswer(
  { zone, signer }: FoundZone,
  name: string,
  query: Query,
  question: Question,
  bytes: Buffer,
  bytesMax: number,
): CachedAnswer {
  const plain = answerFrom(zone, name, question.type)
  const { dnssecOk = false, compactOk = false } = query.edns ?? {}
  const answer = signer !== null && dnssecOk ? signer.sign(plain, { type: question.type, compactOk }) : plain
  const response = responseOf(answer)
  return {
    bytes: writeResponse(lowerQuestion(bytes, question), response, bytesMax),
    rcode: response.rcode,
    isNegative: answer.kind === 'nxdomain' || answer.kind === 'nodata',
  }
}

function responseOf({ kind, answers, authority, additional }: ZoneAnswer): Response {
  return {
    rcode: kind === 'nxdomain' ? rcodes.nameError : rcodes.noError,
    // RFC 1035 §4.1.1: about the first owner name of the answer section.
    isAuthoritative: kind !== 'referral' || answers.length > 0,
    answers,
    authority,
    additional,
    needsAdditional: kind === 'referral',
  }
}

const nothing = { isAuthoritative: false, answers: [], authority: [], additional: [], needsAdditional: false }

function errorAnswer(rcode: number, question: Buffer = Buffer.alloc(0)): CachedAnswer {
  return {
    bytes: writeResponse(question, { ...nothing, rcode }, dnsLimits.plainUdpBytesMax),
    rcode,
    isNegative: true,
  }
}

function questionOf({ question }: Query, bytes: Buffer): Buffer {
  return question === null ? Buffer.alloc(0) : bytes.subarray(headerBytes, question.end)
}

/** What cannot be read has only an id and an opcode. */
function bareQuery({ id, opcode }: { id: number; opcode: number }): Query {
  return {
    id,
    opcode,
    recursionDesired: false,
    checkingDisabled: false,
    question: null,
    edns: null,
    tsigAt: null,
  }
}

function messages(message: Buffer | null): Buffer[] {
  return message === null ? [] : [message]
}
