/**
 * The bytes that have arrived and are not yet consumed. Appending costs amortised constant time per byte, however
 * small the chunks. Slices handed out stay valid: a region that was handed out is never written again.
 */
export type ByteQueue = {
  readonly length: number
  /** Keeps a reference to the chunk: the caller must not reuse it. */
  push(chunk: Buffer): void
  /** Offset of the first LF, or -1. A byte is looked at once, even when nothing was found before. */
  indexOfLineFeed(): number
  peek(count: number): Buffer
  take(count: number): Buffer
}

const lineFeed = 0x0a
const nothing: Buffer = Buffer.alloc(0)

export function createByteQueue(): ByteQueue {
  let bytes: Buffer = nothing
  let start = 0
  let end = 0
  let scanned = 0 // everything between start and here is known to hold no LF

  /** An idle connection holds nothing, also after a large message. */
  function release(): void {
    bytes = nothing
    start = 0
    end = 0
    scanned = 0
  }

  return {
    get length() {
      return end - start
    },
    push(chunk) {
      if (start === end) {
        bytes = chunk
        start = 0
        scanned = 0
        end = chunk.length
        return
      }
      if (end + chunk.length > bytes.length) {
        const grown = Buffer.allocUnsafe(2 * (end - start + chunk.length))
        bytes.copy(grown, 0, start, end)
        scanned = Math.max(0, scanned - start)
        end -= start
        start = 0
        bytes = grown
      }
      chunk.copy(bytes, end)
      end += chunk.length
    },
    indexOfLineFeed() {
      const found = bytes.subarray(0, end).indexOf(lineFeed, Math.max(start, scanned))
      scanned = found === -1 ? end : found
      return found === -1 ? -1 : found - start
    },
    peek(count) {
      return bytes.subarray(start, Math.min(start + count, end))
    },
    take(count) {
      const taken = bytes.subarray(start, Math.min(start + count, end))
      start += taken.length
      if (start === end) release()
      return taken
    },
  }
}
