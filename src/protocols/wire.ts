/** The socket of a connection, before and after TLS takes it over; the same for every protocol that we serve ourselves. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsContexts } from '../platform/tls.ts'

export type WireListeners = {
  data: (chunk: Buffer) => void
  /** Nothing more will come. What was sent may still be answered. */
  end: () => void
  error: (error: Error) => void
}

export type WireLimits = {
  readonly tlsHandshakeMsMax: number
  /** From our last word until the socket is cut. */
  readonly closeMsMax: number
}

export type Wire = {
  readonly socket: Socket
  /** The connection's TLS, for its channel bindings; null before there is one. */
  readonly tls: TLSSocket | null
  /** Starts to read. */
  attach(): void
  /** Stops to read, and forgets what has arrived and was not read. */
  detach(): void
  /** Negotiates TLS, detached. Resolves to false when that fails or takes too long. */
  secure(): Promise<boolean>
  /** Sends what is written, reads on without listening, and cuts the socket after a while. */
  end(): void
  /** Cuts the socket after the same while, unless it closes by itself. */
  cutLater(): void
  readonly closed: Promise<void>
}

export function createWire(
  accepted: Socket,
  contexts: TlsContexts,
  limits: WireLimits,
  listeners: WireListeners,
): Wire {
  let socket = accepted
  let tls: TLSSocket | null = null
  let cutting: NodeJS.Timeout | null = null
  const closed = new Promise<void>((resolve) => accepted.once('close', () => resolve()))
  void closed.then(() => {
    if (cutting !== null) clearTimeout(cutting)
  })
  accepted.on('error', listeners.error)
  const cutLater = (): void => {
    cutting ??= setTimeout(() => socket.destroy(), limits.closeMsMax)
  }
  return {
    get socket() {
      return socket
    },
    get tls() {
      return tls
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
      tls = await negotiateTls(socket, contexts, limits.tlsHandshakeMsMax)
      if (tls === null) return false
      tls.on('error', listeners.error)
      socket = tls
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
function negotiateTls(raw: Socket, contexts: TlsContexts, msMax: number): Promise<TLSSocket | null> {
  return new Promise((resolve) => {
    const secured = new TLSSocket(raw, {
      isServer: true,
      secureContext: contexts.secureContext,
      SNICallback: contexts.SNICallback,
    })
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
    const deadline = setTimeout(onFailure, msMax)
    secured.on('secure', onSecure)
    secured.on('error', onFailure)
    secured.on('close', onFailure)
    secured.on('end', onFailure) // the sockets are half open: a client that goes away only ends its side
  })
}
