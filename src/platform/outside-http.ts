/**
 * HTTP to services of others: a request has a deadline and may go only to addresses of a rule, a reply has a largest size,
 * and no redirect is followed. Nothing is sent twice.
 */
import { lookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Config } from './config.ts'
import { isLocalNetwork, networkList } from './network.ts'

export type OutsideRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers: Readonly<Record<string, string>>
  /** JSON. */
  body?: unknown
}

export type OutsideReply = {
  status: number
  /** In milliseconds, of a Retry-After in seconds or as a date (RFC 9110 §10.2.3). */
  retryAfterMs: number | null
  text: string
  /** The body as JSON; undefined when it is none. */
  json: unknown
}

export type OutsideBounds = {
  /** From the name's look-up to the last byte. */
  requestMsMax: number
  replyBytesMax: number
  /** What a service asks for is believed up to this. */
  retryAfterMsMax: number
  /** It ends the request. */
  signal?: AbortSignal | undefined
}

/** Which addresses a request may go to. */
export type AddressRule = (address: string) => boolean

export const anyAddress: AddressRule = () => true

/**
 * For services that a workspace names: not into networks of our own, unless the platform's owner allows them
 * (MAILWRIGHT_OUTBOUND_NETWORKS=any, or one of `networks`).
 */
export function tenantAddressRule(
  { outboundNetworks }: Pick<Config, 'outboundNetworks'>,
  networks: readonly string[],
): AddressRule {
  if (outboundNetworks === 'any') return anyAddress
  const allowed = networkList(networks)
  return (address) => !isLocalNetwork(address) || allowed.has(address)
}

/**
 * late, no_answer: nothing came, or not all of it. redirect, too_large: there was an answer, which is not taken.
 * forbidden_address: the rule has none of its addresses. bad_url: it names no service.
 */
export type OutsideProblem =
  | { reason: 'late'; requestMsMax: number }
  | { reason: 'no_answer'; code: string }
  | { reason: 'redirect'; status: number }
  | { reason: 'too_large'; replyBytesMax: number }
  | { reason: 'forbidden_address' }
  | { reason: 'bad_url' }

/** Why there is no reply. It holds neither the URL, which may have a key in it, nor anything of this side's network. */
export class OutsideError extends Error {
  readonly problem: OutsideProblem
  /** The request was on its way: what it asks for may have been done. */
  readonly isSent: boolean

  constructor(problem: OutsideProblem, isSent: boolean, cause?: unknown) {
    super(problem.reason, { cause })
    this.name = 'OutsideError'
    this.problem = problem
    this.isSent = isSent
  }
}

/** @throws OutsideError. */
export async function askOutside(
  request: OutsideRequest,
  mayAsk: AddressRule,
  bounds: OutsideBounds,
): Promise<OutsideReply> {
  const progress = { isSent: false }
  try {
    return await send(request, mayAsk, bounds, progress)
  } catch (error) {
    throw failureOf(error, bounds, progress.isSent)
  }
}

async function send(
  { method, url, headers, body }: OutsideRequest,
  mayAsk: AddressRule,
  bounds: OutsideBounds,
  progress: { isSent: boolean },
): Promise<OutsideReply> {
  const target = URL.parse(url)
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw new OutsideError({ reason: 'bad_url' }, false)
  }
  const literal = target.hostname.replace(/^\[|\]$/g, '')
  // An address is connected to without a look-up.
  if (isIP(literal) !== 0 && !mayAsk(literal)) throw new ForbiddenAddress()
  const payload = body === undefined ? null : Buffer.from(JSON.stringify(body))
  const isSecure = target.protocol === 'https:'
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing: ClientRequest = (isSecure ? httpsRequest : httpRequest)(target, {
      method,
      agent: false, // each connection is made to an address that this request may go to
      lookup: guardedLookup(mayAsk),
      signal: endOf(bounds),
      headers: {
        accept: 'application/json',
        'user-agent': 'Mailwright',
        ...(payload === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
        ...headers,
      },
    })
    outgoing.once('socket', (socket) =>
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        progress.isSent = true
      }),
    )
    outgoing.once('error', reject).once('response', resolve)
    outgoing.end(payload ?? undefined)
  })
  const status = response.statusCode ?? 0
  if (status >= 300 && status < 400) {
    response.destroy()
    throw new OutsideError({ reason: 'redirect', status }, true)
  }
  const text = await readText(response, bounds)
  return {
    status,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], bounds),
    text,
    json: parseJson(text),
  }
}

class ForbiddenAddress extends Error {}

function guardedLookup(mayAsk: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '')
      const allowed = found.filter(({ address }) => mayAsk(address))
      const [first] = allowed
      if (!first) return callback(new ForbiddenAddress(), '')
      return options.all ? callback(null, allowed) : callback(null, first.address, first.family)
    })
  }
}

async function readText(response: IncomingMessage, { replyBytesMax }: OutsideBounds): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    if (!Buffer.isBuffer(piece)) continue
    bytes += piece.length
    if (bytes > replyBytesMax) {
      response.destroy()
      throw new OutsideError({ reason: 'too_large', replyBytesMax }, true)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function endOf({ requestMsMax, signal }: OutsideBounds): AbortSignal {
  const late = AbortSignal.timeout(requestMsMax)
  return signal === undefined ? late : AbortSignal.any([late, signal])
}

function failureOf(error: unknown, { requestMsMax, signal }: OutsideBounds, isSent: boolean): OutsideError {
  if (error instanceof OutsideError) return error
  if (error instanceof ForbiddenAddress) return new OutsideError({ reason: 'forbidden_address' }, false)
  if (signal?.aborted) return new OutsideError({ reason: 'no_answer', code: 'stopped' }, isSent, error)
  const isLate = error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
  if (isLate) return new OutsideError({ reason: 'late', requestMsMax }, isSent)
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  const problem = { reason: 'no_answer', code: typeof code === 'string' ? code : 'broken' } as const
  return new OutsideError(problem, isSent, error)
}

function retryAfterMs(header: string | undefined, { retryAfterMsMax }: OutsideBounds): number | null {
  if (header === undefined) return null
  const wanted = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 0), retryAfterMsMax) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
