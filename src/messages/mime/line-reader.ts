/**
 * Cuts arriving bytes into lines. A line ends with LF (a CR before it belongs to the line end), so mail with
 * bare LF has a structure too; a bare CR ends nothing. RFC 2046 §5.1.1 needs to know lines only at their
 * beginning, so of a line that spans chunks no more than a header may have is kept.
 */
import { createByteCollector } from './byte-collector.ts'
import { mimeLimits } from './mime-limits.ts'

/**
 * One line: bytes[from, to) with its line end. `lineBytes` is its true length; when it is larger than
 * to - from, only the beginning was kept. `lineEndBytes` is 2 for CRLF, 1 for LF, 0 at the end of input.
 */
export type LineHandler = (
  bytes: Buffer,
  from: number,
  to: number,
  lineBytes: number,
  lineEndBytes: number,
) => void

export type LineReader = { write(chunk: Buffer): void; end(): void }

const lineFeed = 0x0a
const carriageReturn = 0x0d

export function createLineReader(onLine: LineHandler): LineReader {
  const carried = createByteCollector()
  let carriedBytes = 0
  let lastByte: number | undefined

  function carry(chunk: Buffer, from: number, to: number): void {
    if (from === to) return
    carried.append(chunk, from, to, mimeLimits.headerBytesPerPartMax)
    carriedBytes += to - from
  }

  function flushCarried(lineEndBytes: number): void {
    const line = carried.view()
    onLine(line, 0, line.length, carriedBytes, lineEndBytes)
    carried.clear()
    carriedBytes = 0
  }

  function write(chunk: Buffer): void {
    let from = 0
    let feed = chunk.indexOf(lineFeed)
    if (carriedBytes > 0 && feed !== -1) {
      const before = feed === 0 ? lastByte : chunk[feed - 1]
      from = feed + 1
      carry(chunk, 0, from)
      flushCarried(before === carriageReturn ? 2 : 1)
      feed = chunk.indexOf(lineFeed, from)
    }
    while (feed !== -1) {
      const lineEndBytes = feed > from && chunk[feed - 1] === carriageReturn ? 2 : 1
      onLine(chunk, from, feed + 1, feed + 1 - from, lineEndBytes)
      from = feed + 1
      feed = chunk.indexOf(lineFeed, from)
    }
    carry(chunk, from, chunk.length)
    if (chunk.length > 0) lastByte = chunk[chunk.length - 1]
  }

  return {
    write,
    end: () => {
      if (carriedBytes > 0) flushCarried(0)
    },
  }
}
