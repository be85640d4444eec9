/**
 * COMPRESS=DEFLATE (RFC 4978): raw deflate (RFC 1951) in both directions of a connection, made only when asked for.
 *
 * What the client sends is inflated no faster than it is used: a few bytes that would become gigabytes stay bytes. Its
 * stream may end before the connection does (RFC 8437 §4.1), and what follows is as it is on the wire.
 */
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { Encoder } from '../output.ts'

export type Compression = Encoder & {
  /** Takes bytes of the socket. */
  push(chunk: Buffer): void
  /** Starts and stops the giving of inflated bytes, and with it the reading of the socket. */
  setFlowing(wanted: boolean): void
  /** What is encoded next is the last: the stream ends with it. */
  endOutput(): void
  /** Gives back the memory. @returns what the client sent after the end of its stream. */
  close(): Buffer
}

export type CompressionListeners = {
  /** Inflated bytes. */
  data(bytes: Buffer): void
  /** Starts and stops the reading of the socket. */
  flow(flowing: boolean): void
  /** The client sends what is not deflate. */
  corrupt(error: Error): void
}

/**
 * 10,000 connections may ask for it: with these a deflater holds 2^(12+2) + 2^(4+9) = 24 KiB (zconf.h), and responses
 * still shrink to a third. The client's window is its own choice, so that inflating needs all of 32 KiB.
 */
const deflateOptions = { level: 3, windowBits: 12, memLevel: 4, chunkSize: 4096 }
const inflateOptions = { windowBits: 15, chunkSize: 4096, highWaterMark: 16 * 1024 }

export function createCompression(listeners: CompressionListeners): Compression {
  const inflation = createInflation(listeners)
  const deflater = createDeflateRaw(deflateOptions)
  let deflated: Buffer[] = []
  let isLast = false
  deflater.on('data', (bytes: Buffer) => deflated.push(bytes))
  deflater.on('error', () => {}) // its callbacks tell
  return {
    ...inflation,
    async encode(parts) {
      for (const part of parts) deflater.write(part)
      await new Promise<void>((resolve, reject) => {
        deflater.once('error', reject)
        const settle = (): void => {
          deflater.off('error', reject)
          resolve()
        }
        if (isLast) deflater.once('end', settle).end()
        else deflater.flush(constants.Z_SYNC_FLUSH, settle)
      })
      while (deflater.read() !== null); // what has not been given as 'data' yet
      const taken = deflated
      deflated = []
      return taken
    },
    endOutput() {
      isLast = true
    },
    close() {
      deflater.destroy()
      return inflation.close()
    },
  }
}

function createInflation({
  data,
  flow,
  corrupt,
}: CompressionListeners): Pick<Compression, 'push' | 'setFlowing' | 'close'> {
  const inflater = createInflateRaw(inflateOptions)
  let wanted = true
  let full = false
  let over = false
  /** Chunks of which some bytes are not inflated yet, and the place in the stream where they begin. */
  let given: Buffer[] = []
  let givenFrom = 0

  const adjust = (): void => flow(wanted && !full && !over)
  const forgetUsed = (): void => {
    for (let first = given[0]; first && givenFrom + first.length <= inflater.bytesWritten; first = given[0]) {
      givenFrom += first.length
      given.shift()
    }
  }
  inflater.on('data', data)
  inflater.on('end', () => {
    over = true
    adjust() // what follows waits until it is known what it is
  })
  inflater.on('drain', () => {
    full = false
    adjust()
  })
  inflater.on('error', (error) => {
    over = true
    corrupt(error)
  })
  return {
    push(chunk) {
      forgetUsed()
      given.push(chunk)
      if (over) return
      full = !inflater.write(chunk)
      if (full) adjust()
    },
    setFlowing(now) {
      wanted = now
      if (now) inflater.resume()
      else inflater.pause()
      adjust()
    },
    close() {
      forgetUsed()
      const rest = Buffer.concat(given).subarray(inflater.bytesWritten - givenFrom)
      given = []
      inflater.destroy()
      return over ? rest : Buffer.alloc(0)
    },
  }
}
