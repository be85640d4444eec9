/**
 * The listener on port 80: an authority's HTTP-01 challenges (RFC 8555 §8.3) and the web names of domains are answered,
 * everybody else is sent to where the platform is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { challengePath } from '../../domains/certificates/challenges.ts'
import type { Platform } from '../../platform/platform.ts'
import { answerChallenge, answerWebName } from './answer.ts'
import { badRequest, readRequest, respond } from './exchange.ts'
import { type HttpListener, startHttpListener } from './http-listener.ts'
import { type ListenerLimits, plainLimits } from './limits.ts'
import { notFound, refuseMethod, textAnswer, type WebAnswer, type WebRequest } from './web-answer.ts'

/** @param options.port 0: any free one. @throws when the port cannot be bound. */
export async function startPlainListener(
  platform: Platform,
  options: { host: string; port: number; limits?: ListenerLimits },
): Promise<HttpListener> {
  return await startHttpListener(platform, {
    limits: plainLimits,
    ...options,
    name: 'http_challenge',
    tls: null,
    handle: (request, response) => void answer(platform, request, response),
  })
}

async function answer(platform: Platform, message: IncomingMessage, response: ServerResponse): Promise<void> {
  await respond(platform, response, async () => {
    const request = readRequest(message, 'clear')
    if (request === null) return badRequest
    if (request.path.startsWith(challengePath)) return await answerChallenge(platform, request)
    return (await answerWebName(platform, request)) ?? sendOn(platform, request)
  })
}

/** A path only is put behind the platform's own address. */
function sendOn({ config: { publicUrl } }: Platform, { method, host, path, query }: WebRequest): WebAnswer {
  const refusal = refuseMethod(method, 'GET', 'HEAD')
  if (refusal) return refusal
  const to = publicUrl === null ? null : new URL(publicUrl)
  const isHere = to !== null && to.protocol === 'http:' && to.port === '' && to.hostname === host
  if (to === null || isHere || !path.startsWith('/')) return notFound
  const location = `${to.origin}${path}${query}`
  return textAnswer(308, location, { location })
}
