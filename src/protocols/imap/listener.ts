/** The IMAP listeners: `imaps` is TLS from the first byte (RFC 8314), `imap` offers STARTTLS. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { isLoopback } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsMaterial } from '../../platform/tls.ts'
import { type Connection, startConnection } from './connection.ts'
import { imapLimits } from './limits.ts'

export type ImapListenerOptions = {
  name: 'imap' | 'imaps'
  host: string
  /** 0: any free port. */
  port: number
  tls: TlsMaterial
}

export type ImapListener = {
  port: number
  /** BYE to everyone after the command in hand, for a bounded time. */
  stop(): Promise<void>
}

/** Starts one listener. @throws when the port cannot be bound or the certificate cannot be used. */
export async function startImapListener(
  platform: Platform,
  options: ImapListenerOptions,
): Promise<ImapListener> {
  const { name, tls } = options
  const secureContext = createSecureContext({
    key: tls.keyPem,
    cert: tls.certPem,
    minVersion: 'TLSv1.2', // RFC 8996
  })
  const gauge = platform.metrics.connections.labels({ protocol: name })
  const connections = new Set<Connection>()
  const perAddress = new Map<string, number>()

  const accept = (socket: Socket): void => {
    const address = socket.remoteAddress ?? ''
    const sameAddress = perAddress.get(address) ?? 0
    if (connections.size >= imapLimits.connectionsMax || isOverShare(address, sameAddress)) {
      refuse(socket, name)
      return
    }
    perAddress.set(address, sameAddress + 1)
    gauge.inc()
    const connection = startConnection(platform, socket, { listener: name, secureContext })
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
  server.on('error', (error) => platform.log.warn({ event: 'imap.listener_error', cause: error }))
  return { port, stop: () => stop(server, connections) }
}

function isOverShare(address: string, connections: number): boolean {
  return connections >= imapLimits.connectionsPerAddressMax && !isLoopback(address)
}

function refuse(socket: Socket, name: 'imap' | 'imaps'): void {
  socket.on('error', () => {})
  if (name === 'imaps') return void socket.destroy() // a word before the handshake could not be read
  socket.end('* BYE [UNAVAILABLE] Too many connections\r\n', () => socket.destroy())
}

function listen(server: Server, { host, port }: ImapListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port) // a TCP server has no other kind
    })
  })
}

async function stop(server: Server, connections: ReadonlySet<Connection>): Promise<void> {
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const connection of connections) connection.end('The server is stopping')
  const deadline = setTimeout(() => {
    for (const connection of connections) connection.destroy()
  }, imapLimits.stopMsMax)
  await stopped // when the last connection is closed
  clearTimeout(deadline)
}
