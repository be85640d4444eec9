/**
 * One request to an endpoint: to an address that was looked at when the connection was made, within a time, and with
 * no more of the answer read than is kept. Redirects are not followed.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction, Socket } from 'node:net'
import type { Config } from '../platform/config.ts'
import type { Dns } from '../platform/dns.ts'
import { type AddressRule, addressRule, isLocalhost, literalAddress } from './addresses.ts'
import { webhookPolicy } from './policy.ts'

export type PostResult = {
  /** Null: there was no answer. */
  status: number | null
  headers: Record<string, string> | null
  /** The beginning of it. */
  body: string | null
  /** What went wrong, in a sentence; null after an answer. */
  error: string | null
  durationMs: number
  /** In seconds or as a date, as it came. */
  retryAfter: string | null
}

export type Poster = {
  /** @param headers without those of the connection. Never throws. */
  post(url: string, headers: Readonly<Record<string, string>>, body: Buffer): Promise<PostResult>
  /** Closes idle connections. */
  stop(): void
}

// Longer than a burst's gaps and shorter than what servers keep open.
const idleConnectionMs = 4_000

/** Starts a client with connections of its own. */
export function createPoster(config: Config, dns: Dns): Poster {
  const mayConnect = addressRule(config)
  const options = { keepAlive: true, timeout: idleConnectionMs, scheduling: 'lifo' as const }
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  const context = {
    mayConnect,
    lookup: checkedLookup(dns, mayConnect),
    agents,
    timeoutMs: config.webhookTimeout * 1000,
  }
  return {
    async post(url, headers, body) {
      const startedAt = performance.now()
      const outcome = await attempt(context, new URL(url), headers, body).catch((error: unknown) =>
        failed(error, config),
      )
      return { ...outcome, durationMs: Math.round(performance.now() - startedAt) }
    },
    stop() {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

type Context = {
  mayConnect: AddressRule
  lookup: LookupFunction
  agents: { http: HttpAgent; https: HttpsAgent }
  timeoutMs: number
}

type Answer = Omit<PostResult, 'durationMs'>

class ForbiddenAddress extends Error {}
class NoAddress extends Error {}
class TooLate extends Error {}

async function attempt(
  context: Context,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<Answer> {
  const literal = literalAddress(url)
  // An address is connected to without a look-up.
  if (literal !== null && !context.mayConnect(literal)) throw new ForbiddenAddress()
  try {
    return await send(context, url, headers, body)
  } catch (error) {
    // The other side closed a connection at the moment in which it was used again: nothing was said there.
    if (error instanceof StaleConnection) return await send(context, url, headers, body)
    throw error
  }
}

class StaleConnection extends Error {}

function send(
  { lookup, agents, timeoutMs }: Context,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === 'https:'
    const ask = isTls ? httpsRequest : httpRequest
    const outgoing = ask(url, {
      method: 'POST',
      agent: isTls ? agents.https : agents.http,
      lookup,
      headers: { ...headers, 'content-length': String(body.length) },
    })
    const fail = (error: Error): void => {
      clearTimeout(whole)
      outgoing.destroy()
      reject(error)
    }
    const whole = setTimeout(() => fail(new TooLate(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
    outgoing.once('socket', (socket) => limitConnecting(socket, isTls, fail))
    outgoing.on('error', (error) => {
      const isStale = outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
      fail(isStale ? new StaleConnection() : error)
    })
    outgoing.once('response', (response) => {
      readBeginning(response).then((text) => {
        clearTimeout(whole)
        resolve(answerOf(response, text))
      }, fail)
    })
    outgoing.end(body)
  })
}

function limitConnecting(socket: Socket, isTls: boolean, fail: (error: Error) => void): void {
  if (!socket.connecting) return
  const { connectMsMax } = webhookPolicy
  const late = new TooLate(`no connection within ${connectMsMax / 1000} s`)
  const timer = setTimeout(() => fail(late), connectMsMax)
  const stop = (): void => clearTimeout(timer)
  socket.once(isTls ? 'secureConnect' : 'connect', stop).once('close', stop)
}

/** Reads no further than is allowed; a connection with more in it is closed. */
async function readBeginning(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    if (!Buffer.isBuffer(piece)) continue
    pieces.push(piece)
    bytes += piece.length
    if (bytes > webhookPolicy.responseBytesRead) break // which destroys it
  }
  return Buffer.concat(pieces)
    .subarray(0, webhookPolicy.responseBytesKept)
    .toString()
    .replaceAll('\0', '\ufffd')
}

function answerOf(response: IncomingMessage, body: string): Answer {
  const { responseHeadersKept, responseHeaderLengthKept } = webhookPolicy
  const headers = Object.entries(response.headers)
    .slice(0, responseHeadersKept)
    .map(([name, value]) => [name, String(value).slice(0, responseHeaderLengthKept)] as const)
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    body,
    error: null,
    retryAfter: response.headers['retry-after'] ?? null,
  }
}

/** Resolves a name to the addresses that may be connected to; the connection is made to one of these. */
export function checkedLookup(dns: Dns, mayConnect: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    resolveAddresses(dns, hostname).then(
      (found) => {
        const allowed = found.filter(({ address }) => mayConnect(address))
        const [first] = allowed
        if (!first) return callback(found.length > 0 ? new ForbiddenAddress() : new NoAddress(), '')
        return options.all ? callback(null, allowed) : callback(null, first.address, first.family)
      },
      (error: Error) => callback(error, ''),
    )
  }
}

async function resolveAddresses(dns: Dns, hostname: string): Promise<{ address: string; family: 4 | 6 }[]> {
  if (isLocalhost(hostname)) return [{ address: '127.0.0.1', family: 4 }] // RFC 6761 §6.3
  const [four, six] = await Promise.allSettled([dns.lookup(hostname, 'A'), dns.lookup(hostname, 'AAAA')])
  // One family without an answer must not keep the other from being used.
  const found = [
    ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 as const })) : []),
    ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 as const })) : []),
  ]
  if (found.length === 0 && four.status === 'rejected') throw four.reason
  return found
}

/** What is said of a failure has nothing of this side's network in it. */
function failed(error: unknown, { webhookTimeout }: Config): Answer {
  return {
    status: null,
    headers: null,
    body: null,
    error: sentenceOf(error, webhookTimeout),
    retryAfter: null,
  }
}

function sentenceOf(error: unknown, timeoutSeconds: number): string {
  if (error instanceof ForbiddenAddress) return 'The address is in a network that is not connected to.'
  if (error instanceof NoAddress) return 'The name has no address.'
  if (error instanceof TooLate) return `There was ${error.message}.`
  if (error instanceof StaleConnection) return 'The connection was closed.'
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  if (code === 'ETIMEDOUT') return `There was no connection within ${timeoutSeconds} s.`
  return `There was no answer (${typeof code === 'string' ? code.slice(0, 60) : 'broken'}).`
}
