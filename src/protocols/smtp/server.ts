/**
 * smtp-server with our replies: the library gives every reply the enhanced code of its reply code; ours know
 * theirs (RFC 2034 §4 allows one each).
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import { hasEnhancedCode } from './replies.ts'

class Connection extends SMTPConnection {
  #corked = false

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    this.#gatherReplies()
    super.send(code, data, hasEnhancedCode(data) ? false : context)
  }

  /** Replies to pipelined commands leave in one packet (RFC 2920 §3.2). */
  #gatherReplies(): void {
    const socket = this._socket
    if (this.#corked || !socket) return
    this.#corked = true
    socket.cork()
    setImmediate(() => {
      this.#corked = false
      socket.uncork()
    })
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
}

export function createSmtpServer(options: SMTPServerOptions): SMTPServer {
  return new Server(options)
}
