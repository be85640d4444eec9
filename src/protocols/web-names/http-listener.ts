/** An HTTP listener with its bounds, in the clear or over TLS; what it answers is someone else's. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ListenerName } from '../../platform/endpoints.ts'
import { isLoopback } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsStore } from '../../platform/tls.ts'
import { type ListenerLimits, webLimits } from './limits.ts'

export type HttpListenerOptions = {
  /** In metrics and log lines. */
  name: ListenerName
  host: string
  /** 0: any free port. */
  port: number
  /** Null: in the clear. */
  tls: TlsStore | null
  limits: ListenerLimits
  /** Answers every request; never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Takes requests that ask for another protocol. Without it, they are plain requests. */
  upgrades?:
    | {
        accepts(request: IncomingMessage): boolean
        take(request: IncomingMessage, socket: Duplex, head: Buffer): void
      }
    | undefined
}

export type HttpListener = {
  port: number
  /** Stops accepting, lets running requests finish for a bounded time, and closes. */
  stop(): Promise<void>
}

const checkMsMax = 2_000
/** How long a client that was answered as broken may take to close its side. */
const lingerMs = 1_000

/** @throws when the port cannot be bound. */
export async function startHttpListener(
  platform: Platform,
  options: HttpListenerOptions,
): Promise<HttpListener> {
  const { name, limits, tls } = options
  let isStopping = false
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (isStopping) response.setHeader('connection', 'close')
    options.handle(request, response)
  }
  const bounds = {
    maxHeaderSize: webLimits.headerBytesMax,
    headersTimeout: limits.headerMsMax,
    requestTimeout: limits.requestMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    shouldUpgradeCallback: (request: IncomingMessage) => options.upgrades?.accepts(request) ?? false,
    connectionsCheckingInterval: Math.min(checkMsMax, Math.ceil(limits.headerMsMax / 4)),
  }
  const server =
    tls === null
      ? createServer(bounds, handle)
      : createSecureServer(
          {
            ...bounds,
            key: tls.keyPem,
            cert: tls.certPem,
            SNICallback: tls.SNICallback,
            minVersion: 'TLSv1.2', // RFC 8996
            handshakeTimeout: limits.headerMsMax,
          },
          handle,
        )
  server.on('upgrade', (request, socket, head) => options.upgrades?.take(request, socket, head))
  server.maxConnections = limits.connectionsMax
  const sockets = boundConnections(platform, server, options)
  server.on('clientError', answerBroken)
  // A handshake that fails or takes too long: nothing can be said on it, and what is written would wait for its end.
  server.on('tlsClientError', (_error, socket: Socket) => socket.destroy())
  const port = await listen(server, options)
  server.on('error', (cause) => platform.log.warn({ event: 'web_names.listener_error', name, cause }))
  const forget = tls?.onDefaultChanged(() => {
    if (tls !== null && 'setSecureContext' in server) {
      server.setSecureContext({ key: tls.keyPem, cert: tls.certPem, minVersion: 'TLSv1.2' })
    }
  })
  return {
    port,
    async stop() {
      isStopping = true
      forget?.()
      await close(server, sockets, limits.drainMs)
    },
  }
}

/** Counts connections, and ends those of an address that has too many. @returns those that are open. */
function boundConnections(
  { metrics }: Platform,
  server: Server,
  { name, limits }: HttpListenerOptions,
): ReadonlySet<Socket> {
  const gauge = metrics.connections.labels({ protocol: name })
  const sockets = new Set<Socket>()
  const perAddress = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const sameAddress = perAddress.get(address) ?? 0
    if (sameAddress >= limits.connectionsPerAddressMax && !isLoopback(address)) {
      socket.destroy()
      return
    }
    perAddress.set(address, sameAddress + 1)
    sockets.add(socket)
    gauge.inc()
    socket.once('close', () => {
      sockets.delete(socket)
      gauge.dec()
      const left = (perAddress.get(address) ?? 1) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
  })
  return sockets
}

// RFC 9110 §15.5.9, RFC 6585 §5.
const brokenStatus: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
}

/** Answers what is no HTTP, too much of it, or too slow; there is no request object then. */
function answerBroken(error: Error & { code?: string }, socket: Socket | { destroy(): void }): void {
  if (!('writable' in socket) || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = brokenStatus[error.code ?? ''] ?? 400
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

function listen(server: Server, { host, port }: HttpListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port) // a TCP server has no other kind
    })
  })
}

async function close(server: Server, sockets: ReadonlySet<Socket>, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // Node counts a connection that has not sent a byte yet as a running request, and knows none that shakes hands.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, drainMs)
  await closed
  clearTimeout(timer)
}
