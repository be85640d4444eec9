/** A message's body that is in memory, as its readers see one of the store. */
import type { BodyReader } from '../messages/bodies-read.ts'

/** @param pieceBytes how much comes at once; null: `inMemory` has all of it. */
export function memoryBody(raw: Buffer, pieceBytes: number | null = null): BodyReader {
  return {
    sizeBytes: raw.length,
    inMemory: ({ start, end }) => (pieceBytes === null ? raw.subarray(start, end) : null),
    async *read({ start, end }) {
      const stop = Math.min(end, raw.length)
      const step = pieceBytes ?? Math.max(1, raw.length)
      for (let at = Math.max(0, start); at < stop; at += step)
        yield raw.subarray(at, Math.min(stop, at + step))
    },
  }
}
