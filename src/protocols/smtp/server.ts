/**
 * smtp-server with our replies: the library gives every reply the enhanced code of its reply code; ours know
 * theirs (RFC 2034 §4 allows one each).
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import { newId } from '../../platform/ids.ts'
import { networkList } from '../../platform/network.ts'
import { type ProxiedClient, parseProxyHeader } from './proxy-header.ts'
import { hasEnhancedCode } from './replies.ts'

/** What the library does not know of. */
export type ServerExtras = {
  /** Networks whose connections begin with a PROXY header; it is looked for nowhere else. */
  proxiesFrom: readonly string[]
  /** What EHLO says beside what the library serves. */
  features: () => readonly string[]
}

// After these the socket is handed to TLS or closed: they cannot wait for others.
const lastOfItsKind = new Set([220, 221, 421])

class Connection extends SMTPConnection {
  #leaving = false
  #corked: net.Socket | null = null

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    this.#gatherReplies()
    // Of the replies with several lines EHLO's is the only one that is sent here.
    const isFeatures = code === 250 && Array.isArray(data)
    const server = this._server
    const words = isFeatures && server instanceof Server ? [...data, ...server.features()] : data
    super.send(code, words, hasEnhancedCode(data) ? false : context)
    if (lastOfItsKind.has(code)) this.#release()
    if (this.#leaving && code !== 421) setImmediate(() => this.#leaveIfIdle())
  }

  /** Ends the session once nothing is under way: a message that is arriving is taken and answered first. */
  leave(): void {
    this.#leaving = true
    this.#leaveIfIdle()
  }

  #leaveIfIdle(): void {
    if (!this._dataStream && !this._handlerPending) this.send(421, '4.3.2 The server is stopping')
  }

  /** Replies to pipelined commands leave in one packet (RFC 2920 §3.2). */
  #gatherReplies(): void {
    if (this.#corked || !this._socket) return
    this.#corked = this._socket
    this.#corked.cork()
    setImmediate(() => this.#release())
  }

  #release(): void {
    this.#corked?.uncork()
    this.#corked = null
  }
}

class Server extends SMTPServer {
  readonly features: ServerExtras['features']
  readonly #proxies: { has(address: string): boolean }

  constructor(options: SMTPServerOptions, extras: ServerExtras) {
    super(options)
    this.features = extras.features
    this.#proxies = networkList(extras.proxiesFrom)
  }

  override _expectsProxyHeader(socket: net.Socket): boolean {
    return this.#proxies.has(socket.remoteAddress ?? '')
  }

  // The library reads version 1 only.
  override _handleProxy(socket: net.Socket, callback: Parameters<SMTPServer['_handleProxy']>[1]): void {
    if (!this._expectsProxyHeader(socket)) {
      super._handleProxy(socket, callback)
      return
    }
    readProxyHeader(socket, (error, client) => {
      if (error) socket.destroy()
      const told = client ? { remoteAddress: client.address, remotePort: client.port } : {}
      callback(error, { id: newId(), ...told })
    })
  }

  override connect(socket: net.Socket | tls.TLSSocket, options?: SMTPConnectionOptions | null): void {
    const connection = new Connection(this, socket, options ?? undefined)
    this.connections.add(connection)
    connection.on('error', (error) => this._onError(error))
    connection.on('connect', (info) => this._onClientConnect(info))
    connection.init()
  }

  override close(callback?: (() => void) | null): void {
    super.close(callback)
    for (const connection of this.connections) if (connection instanceof Connection) connection.leave()
  }
}

/** Takes the header off the front of a connection; the server's own timeout bounds the wait. */
function readProxyHeader(
  socket: net.Socket,
  callback: (error: Error | null, client: ProxiedClient) => void,
): void {
  let held = Buffer.alloc(0)
  const settle = (error: Error | null, client: ProxiedClient): void => {
    socket.off('readable', read).off('error', leave).off('close', leave).off('end', leave)
    if (error) socket.on('error', () => undefined) // one that is under way must not become the process's
    callback(error, client)
  }
  const leave = (): void => settle(new Error('The connection ended before its PROXY header'), null)
  const read = (): void => {
    for (let piece: Buffer | null = socket.read(); piece !== null; piece = socket.read()) {
      held = Buffer.concat([held, piece])
      const header = parseProxyHeader(held)
      if (header.kind === 'need-more') continue
      if (header.kind === 'invalid') {
        settle(new Error('Invalid PROXY header'), null)
        return
      }
      const rest = held.subarray(header.lengthBytes)
      if (rest.length > 0) socket.unshift(rest)
      settle(null, header.client)
      return
    }
  }
  socket.on('readable', read).on('error', leave).on('close', leave).on('end', leave)
}

export function createSmtpServer(options: SMTPServerOptions, extras: ServerExtras): SMTPServer {
  return new Server(options, extras)
}
