/**
 * HTTP to services of others: a request has a deadline and may go only to addresses of a rule, a reply has a largest size,
 * and no redirect is followed but of a file. Nothing is sent twice.
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

/**
 * A file that lies anywhere, by GET: up to `redirectsMax` redirects are followed, all within the one deadline, each to
 * an address of the rule and to a port of the web or beyond 1023.
 * @throws OutsideError.
 */
export async function fetchFile(
  url: string,
  mayAsk: AddressRule,
  bounds: OutsideBounds & { redirectsMax: number },
): Promise<{ status: number; bytes: Buffer }> {
  const progress = { isSent: false }
  const signal = endOf(bounds)
  try {
    let next = url
    for (let left = bounds.redirectsMax; ; left--) {
      requireWebPort(next)
      const response = await open(
        { method: 'GET', url: next, headers: { accept: '*/*' } },
        mayAsk,
        signal,
        progress,
      )
      const status = response.statusCode ?? 0
      if (!isRedirect(status)) return { status, bytes: await readBytes(response, bounds) }
      response.destroy()
      const { location } = response.headers
      if (left === 0 || location === undefined) throw new OutsideError({ reason: 'redirect', status }, true)
      // RFC 9110 §10.2.2: relative to where it was sent from.
      next = URL.parse(location, next)?.href ?? location
    }
  } catch (error) {
    throw failureOf(error, bounds, progress.isSent)
  }
}

/** What listens below is no server of files, and might take a request for something else. */
function requireWebPort(url: string): void {
  const port = URL.parse(url)?.port ?? ''
  if (port === '' || port === '80' || port === '443' || Number(port) >= 1024) return
  throw new OutsideError({ reason: 'bad_url' }, false)
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400
}

async function send(
  request: OutsideRequest,
  mayAsk: AddressRule,
  bounds: OutsideBounds,
  progress: { isSent: boolean },
): Promise<OutsideReply> {
  const response = await open(request, mayAsk, endOf(bounds), progress)
  const status = response.statusCode ?? 0
  if (isRedirect(status)) {
    response.destroy()
    throw new OutsideError({ reason: 'redirect', status }, true)
  }
  const text = (await readBytes(response, bounds)).toString()
  return {
    status,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], bounds),
    text,
    json: parseJson(text),
  }
}

/** Sends it. @returns the reply as far as its headers. */
async function open(
  { method, url, headers, body }: OutsideRequest,
  mayAsk: AddressRule,
  signal: AbortSignal,
  progress: { isSent: boolean },
): Promise<IncomingMessage> {
  const target = URL.parse(url)
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw new OutsideError({ reason: 'bad_url' }, false)
  }
  const literal = target.hostname.replace(/^\[|\]$/g, '')
  // An address is connected to without a look-up.
  if (isIP(literal) !== 0 && !mayAsk(literal)) throw new ForbiddenAddress()
  const payload = body === undefined ? null : Buffer.from(JSON.stringify(body))
  const isSecure = target.protocol === 'https:'
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing: ClientRequest = (isSecure ? httpsRequest : httpRequest)(target, {
      method,
      agent: false, // each connection is made to an address that this request may go to
      lookup: guardedLookup(mayAsk),
      signal,
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

async function readBytes(response: IncomingMessage, { replyBytesMax }: OutsideBounds): Promise<Buffer> {
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
  return Buffer.concat(pieces)
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
