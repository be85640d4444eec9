/**
 * smtp-server with our replies: the library gives every reply the enhanced code of its reply code; ours know
 * theirs (RFC 2034 §4 allows one each).
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import { hasEnhancedCode } from './replies.ts'

// After these the socket is handed to TLS or closed: they cannot wait for others.
const lastOfItsKind = new Set([220, 221, 421])

class Connection extends SMTPConnection {
  #leaving = false
  #corked: net.Socket | null = null

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    this.#gatherReplies()
    super.send(code, data, hasEnhancedCode(data) ? false : context)
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

export function createSmtpServer(options: SMTPServerOptions): SMTPServer {
  return new Server(options)
}
