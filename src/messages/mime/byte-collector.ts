/** A buffer that grows while pieces of a header or of a cut line are appended, up to a bound. */
export type ByteCollector = {
  /** Copies bytes[from, to), as far as the total stays within bytesMax. Answers whether all of it did. */
  append(bytes: Buffer, from: number, to: number, bytesMax: number): boolean
  /** What was collected. Valid until the next append. */
  view(): Buffer
  clear(): void
}

const initialBytes = 4 * 1024
const none = Buffer.alloc(0)

export function createByteCollector(): ByteCollector {
  let storage: Buffer = none // most collectors never get anything
  let length = 0

  function append(bytes: Buffer, from: number, to: number, bytesMax: number): boolean {
    const count = Math.max(0, Math.min(to - from, bytesMax - length))
    if (length + count > storage.length) {
      const larger = Buffer.allocUnsafe(Math.max(initialBytes, storage.length * 2, length + count))
      storage.copy(larger, 0, 0, length)
      storage = larger
    }
    bytes.copy(storage, length, from, from + count)
    length += count
    return count === to - from
  }

  return {
    append,
    view: () => storage.subarray(0, length),
    clear: () => {
      length = 0
    },
  }
}
