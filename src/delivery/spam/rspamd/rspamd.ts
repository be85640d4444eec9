/**
 * rspamd over HTTP: asked about messages (/checkv2), and taught by what people do (/learnspam, /learnham). It is an
 * adviser: where it is slow, down or makes no sense, its word is missing and nothing else happens.
 */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { Platform } from '../../../platform/platform.ts'
import type { Arrival } from '../../inbound/arrival.ts'
import { type CircuitBreaker, createCircuitBreaker } from '../circuit-breaker.ts'
import { plainAddress } from '../client-address.ts'
import { warnNowAndThen } from '../deadline.ts'
import { parseRspamdAnswer, type RspamdAnswer } from './rspamd-answer.ts'

/** For the whole exchange, the message included. */
const exchangeMsMax = 10_000
const answerBytesMax = 1024 * 1024
const failureLogMs = 60_000
const breakerOptions = { failuresMax: 5, openMs: 30_000 }

const answers = new WeakMap<Arrival, Promise<RspamdAnswer | null>>()
const breakers = new WeakMap<Platform, CircuitBreaker>()

/**
 * Asks about an arrival, once however often it is called.
 * @returns null when no rspamd is configured, and when it gave no answer.
 */
export function askRspamd(platform: Platform, arrival: Arrival): Promise<RspamdAnswer | null> {
  const asked = answers.get(arrival) ?? ask(platform, arrival)
  answers.set(arrival, asked)
  return asked
}

async function ask(platform: Platform, arrival: Arrival): Promise<RspamdAnswer | null> {
  if (platform.config.rspamdUrl === null) return null
  const breaker = breakerOf(platform)
  if (!breaker.mayCall()) {
    platform.metrics.rspamdRequests.inc({ request: 'check', result: 'skipped' })
    return null
  }
  try {
    const { status, text } = await exchange(platform.config.rspamdUrl, {
      path: 'checkv2',
      headers: headersOf(platform, arrival),
      sizeBytes: arrival.message.sizeBytes,
      body: arrival.message.read(),
    })
    const answer = status === 200 ? parseRspamdAnswer(text) : null
    if (answer === null) throw new Error(`rspamd answered with ${status} and no verdict`)
    breaker.succeeded()
    platform.metrics.rspamdRequests.inc({ request: 'check', result: 'done' })
    return answer
  } catch (cause) {
    breaker.failed()
    platform.metrics.rspamdRequests.inc({ request: 'check', result: 'failed' })
    warnNowAndThen(platform, failureLogMs, 'rspamd', { event: 'spam.rspamd_failed', cause })
    return null
  }
}

function breakerOf(platform: Platform): CircuitBreaker {
  const breaker = breakers.get(platform) ?? createCircuitBreaker(breakerOptions)
  breakers.set(platform, breaker)
  return breaker
}

function headersOf(platform: Platform, arrival: Arrival): Record<string, string | string[]> {
  return {
    ip: plainAddress(arrival.remoteAddress),
    helo: headerText(arrival.helo),
    from: headerText(arrival.mailFrom),
    rcpt: arrival.local.map(({ address }) => headerText(address)),
    'queue-id': headerText(arrival.id),
    'mta-name': platform.config.hostname,
  }
}

/** UTF-8 goes byte for byte; what would end the header line is left out. */
function headerText(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}/gu, ''), 'utf8').toString('latin1')
}

export type TaughtMessage = { sizeBytes: number; read(): AsyncIterable<Buffer> }

/**
 * Teaches rspamd. That it knows the message already, or can learn nothing from it, is no failure.
 * @throws when it could not be reached or is not itself: the job comes again.
 */
export async function teachRspamd(
  platform: Platform,
  kind: 'spam' | 'ham',
  message: TaughtMessage,
): Promise<void> {
  if (platform.config.rspamdUrl === null) return
  try {
    const { status, text } = await exchange(platform.config.rspamdUrl, {
      path: kind === 'spam' ? 'learnspam' : 'learnham',
      headers: {},
      sizeBytes: message.sizeBytes,
      body: message.read(),
    })
    // 404 is what it says of a message that it has learned already; 204 and 208 in other versions.
    const isDone = (status >= 200 && status < 300) || status === 404
    if (!isDone) throw new Error(`rspamd answered with ${status}: ${text.slice(0, 200)}`)
    platform.metrics.rspamdRequests.inc({ request: 'learn', result: 'done' })
  } catch (cause) {
    platform.metrics.rspamdRequests.inc({ request: 'learn', result: 'failed' })
    warnNowAndThen(platform, failureLogMs, 'rspamd learn', { event: 'spam.rspamd_learn_failed', cause })
    throw cause
  }
}

type Exchange = {
  path: string
  headers: Record<string, string | string[]>
  sizeBytes: number
  body: AsyncIterable<Buffer>
}

async function exchange(
  rspamdUrl: string,
  { path, headers, sizeBytes, body }: Exchange,
): Promise<{ status: number; text: string }> {
  const url = new URL(rspamdUrl)
  const password = decodeURIComponent(url.password)
  url.username = ''
  url.password = ''
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`
  const signal = AbortSignal.timeout(exchangeMsMax)
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method: 'POST',
    signal,
    headers: {
      ...headers,
      'content-length': String(sizeBytes),
      ...(password === '' ? {} : { password: headerText(password) }),
    },
  })
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
    })
  })
  // It may answer before it has read everything, and then breaks the upload off: its answer is what counts.
  pipeline(body, request).catch((error: unknown) => request.destroy(asError(error)))
  return await answered
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

async function readText(response: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    bytes += piece.length
    if (bytes > answerBytesMax) throw new Error('the answer of rspamd is too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
