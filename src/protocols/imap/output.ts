/** What goes to the client: collected, written in few pieces, and never faster than the client takes it. */
import type { Socket } from 'node:net'
import { imapLimits } from './limits.ts'
import { createResponseWriter } from './syntax/response-writer.ts'

/** The client is gone; whoever writes stops. No defect, so it is not logged as one. */
export class ConnectionClosed extends Error {}

/** Our own defect in the middle of a response: whatever followed would be taken for a part of it. */
export class ResponseBrokenOff extends Error {}

export type Output = {
  /** A wire string (a character is a byte) or bytes. Resolves when more may be written. @throws ConnectionClosed */
  write(data: string | Buffer): Promise<void>
  /** Sends what was written, and waits while the client does not take it. @throws ConnectionClosed */
  flush(): Promise<void>
  /** Whether it waits for the client to read. */
  readonly isBlocked: boolean
}

const done = Promise.resolve()

/** @param currentSocket STARTTLS puts another in the place of the first. */
export function createOutput(currentSocket: () => Socket): Output {
  const writer = createResponseWriter()
  let blocked = false

  const flush = async (): Promise<void> => {
    const socket = currentSocket()
    if (!socket.writable) throw new ConnectionClosed('the client is gone')
    socket.cork()
    for (const part of writer.take()) socket.write(part)
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
      if (typeof data === 'string') writer.write(data)
      else writer.writeBytes(data)
      return writer.sizeBytes < imapLimits.outputBytesMax ? done : flush()
    },
    flush,
    get isBlocked() {
      return blocked
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
