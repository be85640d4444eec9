/** A web request from node:http, and the answer to it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Platform } from '../../platform/platform.ts'
import { webLimits } from './limits.ts'
import { readTarget } from './target.ts'
import { BodyTooLarge, textAnswer, type WebAnswer, type WebRequest } from './web-answer.ts'

/** @returns null for a request that a server must refuse with 400. */
export function readRequest(request: IncomingMessage, transport: WebRequest['transport']): WebRequest | null {
  const target = readTarget(request.url ?? '', request.headersDistinct['host'] ?? [])
  return (
    target && {
      ...target,
      method: request.method ?? '',
      transport,
      readBody: () => readBody(request),
    }
  )
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    const part: unknown = chunk
    if (!Buffer.isBuffer(part)) throw new TypeError('a body without an encoding is bytes')
    bytes += part.length
    if (bytes > webLimits.bodyBytesMax) throw new BodyTooLarge()
    chunks.push(part)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export const badRequest = textAnswer(400, 'The request does not say which host it is for.')

/** Does the work and sends its answer. @returns whether there was one. Never rejects. */
export async function respond(
  platform: Platform,
  response: ServerResponse,
  work: () => Promise<WebAnswer | null>,
): Promise<boolean> {
  try {
    const answer = await work()
    if (answer !== null) send(response, answer)
    return answer !== null
  } catch (cause) {
    if (cause instanceof BodyTooLarge) {
      send(response, textAnswer(413, 'The body is too long.', { connection: 'close' }))
    } else if (response.destroyed) {
      platform.log.debug({ event: 'web_names.client_gone', cause })
    } else {
      platform.log.error({ event: 'web_names.failed', cause })
      send(response, textAnswer(500, 'Something went wrong here.'))
    }
    return true
  }
}

function send(response: ServerResponse, { status, headers, body }: WebAnswer): void {
  response
    .writeHead(status, {
      'content-length': Buffer.byteLength(body),
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    .end(body)
}
