/** What goes to a client: collected, written in few pieces, and never faster than the client takes it. */
import type { Socket } from 'node:net'

/** The client is gone; whoever writes stops. No defect, so it is not logged as one. */
export class ConnectionClosed extends Error {}

export type Output = {
  /** A wire string (a character is a byte) or bytes. Resolves when more may be written. @throws ConnectionClosed */
  write(data: string | Buffer): Promise<void>
  /** Sends what was written, and waits while the client does not take it. @throws ConnectionClosed */
  flush(): Promise<void>
  /** Whether it waits for the client to read. */
  readonly isBlocked: boolean
  /** Whether the client is gone: a write would throw. */
  readonly isClosed: boolean
}

/** What bytes go through on their way to the socket (compression). */
export type Encoder = { encode(parts: readonly Buffer[]): Promise<readonly Buffer[]> }

const done = Promise.resolve()

/**
 * @param currentSocket TLS puts another in the place of the first.
 * @param bytesMax what is collected for one write; above it the writer waits for the client.
 * @param currentEncoder null while bytes go as they are.
 */
export function createOutput(
  currentSocket: () => Socket,
  bytesMax: number,
  currentEncoder: () => Encoder | null = () => null,
): Output {
  let parts: Buffer[] = []
  let partsBytes = 0
  let text = ''
  let blocked = false

  const flushText = (): void => {
    if (text === '') return
    parts.push(Buffer.from(text, 'latin1'))
    partsBytes += text.length
    text = ''
  }
  const flush = async (): Promise<void> => {
    const socket = currentSocket()
    if (!socket.writable) throw new ConnectionClosed('the client is gone')
    flushText()
    const taken = parts
    parts = []
    partsBytes = 0
    const encoder = currentEncoder()
    const encoded = encoder === null || taken.length === 0 ? taken : await encoder.encode(taken)
    socket.cork()
    for (const part of encoded) socket.write(part)
    socket.uncork()
    if (!socket.writableNeedDrain) return
    blocked = true
    try {
      await drained(socket)
    } finally {
      blocked = false
    }
  }
  return {
    write(data) {
      if (typeof data === 'string') text += data
      else {
        flushText()
        parts.push(data)
        partsBytes += data.length
      }
      return partsBytes + text.length < bytesMax ? done : flush()
    },
    flush,
    get isBlocked() {
      return blocked
    },
    get isClosed() {
      return !currentSocket().writable
    },
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('drain', settle)
      socket.off('close', settle)
      if (socket.destroyed) reject(new ConnectionClosed('the client is gone'))
      else resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}
