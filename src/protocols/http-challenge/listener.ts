/**
 * The listener on port 80: an authority's HTTP-01 challenges (RFC 8555 §8.3) are answered, everybody else is sent to
 * where the platform is.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { challengePath, findChallenge } from '../../domains/certificates/challenges.ts'
import type { Platform } from '../../platform/platform.ts'

export type HttpChallengeListener = { port: number; stop(): Promise<void> }

const limits = {
  connectionsMax: 1_000,
  headerBytesMax: 8 * 1024,
  requestMsMax: 10_000,
  keepAliveMs: 5_000,
} as const

/** @param options.port 0: any free one. @throws when the port cannot be bound. */
export async function startHttpChallengeListener(
  platform: Platform,
  options: { host: string; port: number },
): Promise<HttpChallengeListener> {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.requestMsMax,
      requestTimeout: limits.requestMsMax,
      keepAliveTimeout: limits.keepAliveMs,
    },
    (request, response) => {
      answer(platform, request, response).catch((cause: unknown) => {
        platform.log.error({ event: 'http_challenge.failed', cause })
        end(response, 500)
      })
    },
  )
  server.maxConnections = limits.connectionsMax
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port) // a TCP server has no other kind
    })
  })
  server.on('error', (cause) => platform.log.warn({ event: 'http_challenge.listener_error', cause }))
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections() // nothing that runs here is worth waiting for
      }),
  }
}

async function answer(platform: Platform, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '' } = request
  if (method !== 'GET' && method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' })
  if (url.startsWith(challengePath)) {
    const found = await findChallenge(platform, url.slice(challengePath.length))
    return found === null
      ? end(response, 404)
      : end(response, 200, { 'content-type': 'application/octet-stream' }, found)
  }
  const { publicUrl } = platform.config
  // A path only: an absolute URL (RFC 9112 §3.2.2) would be put behind our host name.
  if (publicUrl === null || !url.startsWith('/')) return end(response, 404)
  end(response, 308, { location: `${new URL(publicUrl).origin}${url}` })
}

function end(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body = '',
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body)
}
