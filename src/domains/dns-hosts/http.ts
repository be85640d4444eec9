/** HTTP to DNS hosts: every request has a deadline, every reply a largest size, and no redirect is followed. */
import { lookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../platform/config.ts'
import { isLocalNetwork, networkList } from '../../platform/network.ts'
import { DnsHostError } from './driver.ts'
import { dnsHostPolicy } from './policy.ts'

export type HostRequest = {
  method: 'GET' | 'POST' | 'PATCH'
  url: string
  headers: Readonly<Record<string, string>>
  /** JSON. */
  body?: unknown
}

export type HostReply = {
  status: number
  /** In milliseconds, of a Retry-After in seconds or as a date (RFC 9110 §10.2.3). */
  retryAfterMs: number | null
  text: string
  /** The body as JSON; undefined when it is none. */
  json: unknown
}

/** Which addresses a request may go to. */
export type AddressRule = (address: string) => boolean

export const anyAddress: AddressRule = () => true

/**
 * For hosts that a workspace names: not into networks of our own, unless the platform's owner allows them
 * (MAILWRIGHT_OUTBOUND_NETWORKS=any, MAILWRIGHT_DNS_HOST_NETWORKS).
 */
export function tenantAddressRule(config: Pick<Config, 'outboundNetworks' | 'dnsHostNetworks'>): AddressRule {
  if (config.outboundNetworks === 'any') return anyAddress
  const allowed = networkList(config.dnsHostNetworks)
  return (address) => !isLocalNetwork(address) || allowed.has(address)
}

type Bounds = Record<'requestMsMax' | 'replyBytesMax' | 'readRetries' | 'readRetryPauseMs', number>

/** @throws DnsHostError unreachable, rejected. */
export async function askHost(
  request: HostRequest,
  mayAsk: AddressRule,
  bounds: Bounds = dnsHostPolicy,
): Promise<HostReply> {
  for (let attempt = 0; ; attempt++) {
    const reply = await send(request, mayAsk, bounds).catch((error: unknown) => failureOf(error, bounds))
    const isFailed = reply instanceof DnsHostError ? reply.kind === 'unreachable' : reply.status >= 500
    // What changes something is not sent twice: it may have been done. The next run reads first.
    if (!isFailed || request.method !== 'GET' || attempt >= bounds.readRetries) {
      if (reply instanceof DnsHostError) throw reply
      return reply
    }
    await sleep(bounds.readRetryPauseMs)
  }
}

async function send(
  { method, url, headers, body }: HostRequest,
  mayAsk: AddressRule,
  bounds: Bounds,
): Promise<HostReply> {
  const target = new URL(url)
  const literal = target.hostname.replace(/^\[|\]$/g, '')
  // An address is connected to without a look-up.
  if (isIP(literal) !== 0 && !mayAsk(literal)) throw new ForbiddenAddress()
  const payload = body === undefined ? null : Buffer.from(JSON.stringify(body))
  const ask = target.protocol === 'https:' ? httpsRequest : httpRequest
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing: ClientRequest = ask(target, {
      method,
      agent: false, // each connection is made to an address that this request may go to
      lookup: guardedLookup(mayAsk),
      signal: AbortSignal.timeout(bounds.requestMsMax),
      headers: {
        accept: 'application/json',
        'user-agent': 'Mailwright',
        ...(payload === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
        ...headers,
      },
    })
    outgoing.once('error', reject).once('response', resolve)
    outgoing.end(payload ?? undefined)
  })
  const status = response.statusCode ?? 0
  if (status >= 300 && status < 400) {
    response.destroy()
    throw new DnsHostError('rejected', `The host answers with a redirect (${status}), which is not followed.`)
  }
  const text = await readText(response, bounds)
  return {
    status,
    retryAfterMs: retryAfterMs(response.headers['retry-after']),
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

async function readText(response: IncomingMessage, { replyBytesMax }: Bounds): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    if (!Buffer.isBuffer(piece)) continue
    bytes += piece.length
    if (bytes > replyBytesMax) {
      response.destroy()
      throw new DnsHostError('rejected', `The host’s reply has more than ${replyBytesMax} bytes.`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

/** What went wrong on the way, without anything of this side's network in it. */
function failureOf(error: unknown, { requestMsMax }: Bounds): DnsHostError {
  if (error instanceof DnsHostError) return error
  if (error instanceof ForbiddenAddress) {
    return new DnsHostError('rejected', 'The host is in a network that this platform does not connect to.')
  }
  const isLate = error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
  if (isLate) {
    return new DnsHostError('unreachable', `No answer within ${requestMsMax / 1000} s.`)
  }
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return new DnsHostError('unreachable', `No answer (${typeof code === 'string' ? code : 'broken'}).`, {
    cause: error,
  })
}

function retryAfterMs(header: string | undefined): number | null {
  if (header === undefined) return null
  const wanted = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 0), dnsHostPolicy.hostPauseMsMax) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
