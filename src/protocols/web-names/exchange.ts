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

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      // The rest is let pass: a connection that is cut while the client sends would cut the answer off, too.
      if (bytes > webLimits.bodyBytesMax) reject(new BodyTooLarge())
      else chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('error', reject)
    request.on('close', () => reject(new Error('the client has gone')))
  })
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
