/** The socket of a connection, before and after TLS takes it over. */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { imapLimits } from './limits.ts'

export type WireListeners = {
  data: (chunk: Buffer) => void
  /** Nothing more will come. What was sent may still be answered. */
  end: () => void
  error: (error: Error) => void
}

export type Wire = {
  readonly socket: Socket
  readonly isSecure: boolean
  /** Starts to read. */
  attach(): void
  /** Stops to read, and forgets what has arrived and was not read. */
  detach(): void
  /** Negotiates TLS, detached. Resolves to false when that fails or takes too long. */
  secure(): Promise<boolean>
  /** Sends what is written, reads on without listening, and cuts the socket after a while. */
  end(): void
  cutLater(): void
  readonly closed: Promise<void>
}

export function createWire(accepted: Socket, context: SecureContext, listeners: WireListeners): Wire {
  let socket = accepted
  let isSecure = false
  let cutting: NodeJS.Timeout | null = null
  const closed = new Promise<void>((resolve) => accepted.once('close', () => resolve()))
  void closed.then(() => {
    if (cutting !== null) clearTimeout(cutting)
  })
  accepted.on('error', listeners.error)
  const cutLater = (): void => {
    cutting ??= setTimeout(() => socket.destroy(), imapLimits.closeMsMax)
  }
  return {
    get socket() {
      return socket
    },
    get isSecure() {
      return isSecure
    },
    attach() {
      socket.on('data', listeners.data)
      socket.on('end', listeners.end)
      socket.on('close', listeners.end)
    },
    detach() {
      socket.off('data', listeners.data)
      socket.off('end', listeners.end)
      socket.pause()
      while (socket.read() !== null);
    },
    async secure() {
      const secured = await negotiateTls(socket, context)
      if (secured === null) return false
      secured.on('error', listeners.error)
      socket = secured
      isSecure = true
      return true
    },
    end() {
      socket.off('data', listeners.data)
      socket.end()
      socket.resume() // unread input would turn our last words into a reset
      cutLater()
    },
    cutLater,
    closed,
  }
}

/** Resolves to null when the handshake fails or takes too long. */
function negotiateTls(raw: Socket, secureContext: SecureContext): Promise<TLSSocket | null> {
  return new Promise((resolve) => {
    const secured = new TLSSocket(raw, { isServer: true, secureContext })
    const settle = (result: TLSSocket | null): void => {
      clearTimeout(deadline)
      secured.off('secure', onSecure)
      secured.off('error', onFailure)
      secured.off('close', onFailure)
      secured.off('end', onFailure)
      if (result === null) {
        secured.on('error', () => {})
        raw.destroy()
      }
      resolve(result)
    }
    const onSecure = (): void => settle(secured)
    const onFailure = (): void => settle(null)
    const deadline = setTimeout(onFailure, imapLimits.tlsHandshakeMsMax)
    secured.on('secure', onSecure)
    secured.on('error', onFailure)
    secured.on('close', onFailure)
    secured.on('end', onFailure) // the sockets are half open: a client that goes away only ends its side
  })
}
