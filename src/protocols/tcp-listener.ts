/** A TCP listener with its bounds: it accepts connections, counts them, and ends them all when it stops. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { isLoopback } from '../platform/network.ts'
import type { Platform } from '../platform/platform.ts'

export type Connection = {
  /** Says `text` after the command in hand, and closes. */
  end(text: string): void
  /** At once, without a word. */
  destroy(): void
  /** Resolves when the socket is closed. */
  closed: Promise<void>
}

export type TcpListenerOptions = {
  /** In metrics and log lines. */
  protocol: string
  host: string
  /** 0: any free port. */
  port: number
  /** TLS from the first byte (RFC 8314 §3): a word before the handshake could not be read. */
  isImplicitTls: boolean
  limits: {
    readonly connectionsMax: number
    /** From one address that is not this machine's own. */
    readonly connectionsPerAddressMax: number
    readonly stopMsMax: number
  }
  /** What a connection is told that is one too many: a whole line. */
  refusal: string
  start(socket: Socket): Connection
}

export type TcpListener = {
  port: number
  /** Ends every connection after the command in hand, for a bounded time. */
  stop(): Promise<void>
}

/** Starts a listener. @throws when the port cannot be bound. */
export async function startTcpListener(
  platform: Platform,
  options: TcpListenerOptions,
): Promise<TcpListener> {
  const { protocol, limits } = options
  const gauge = platform.metrics.connections.labels({ protocol })
  const connections = new Set<Connection>()
  const perAddress = new Map<string, number>()

  const accept = (socket: Socket): void => {
    const address = socket.remoteAddress ?? ''
    const sameAddress = perAddress.get(address) ?? 0
    const isOverShare = sameAddress >= limits.connectionsPerAddressMax && !isLoopback(address)
    if (connections.size >= limits.connectionsMax || isOverShare) {
      refuse(socket, options)
      return
    }
    perAddress.set(address, sameAddress + 1)
    gauge.inc()
    const connection = options.start(socket)
    connections.add(connection)
    void connection.closed.then(() => {
      connections.delete(connection)
      gauge.dec()
      const left = (perAddress.get(address) ?? 1) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
  }
  // Half open: a client that has sent all its commands still gets its answers.
  const server = createServer({ allowHalfOpen: true, keepAlive: true }, accept)
  const port = await listen(server, options)
  server.on('error', (error) =>
    platform.log.warn({ event: 'protocols.listener_error', protocol, cause: error }),
  )
  return { port, stop: () => stop(server, connections, limits.stopMsMax) }
}

function refuse(socket: Socket, { isImplicitTls, refusal }: TcpListenerOptions): void {
  socket.on('error', () => {})
  if (isImplicitTls) socket.destroy()
  else socket.end(refusal, () => socket.destroy())
}

function listen(server: Server, { host, port }: TcpListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port) // a TCP server has no other kind
    })
  })
}

async function stop(server: Server, connections: ReadonlySet<Connection>, msMax: number): Promise<void> {
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const connection of connections) connection.end('The server is stopping')
  const deadline = setTimeout(() => {
    for (const connection of connections) connection.destroy()
  }, msMax)
  await stopped // when the last connection is closed
  clearTimeout(deadline)
}
