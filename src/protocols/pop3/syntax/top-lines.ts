/** TOP (RFC 1939 §7): where a message is cut, that is after its header, the blank line, and some lines of its body. */

export type TopCutter = {
  /** The part of the next bytes that belongs to it. */
  take(chunk: Buffer): Buffer
  /** Whether nothing more belongs to it. */
  readonly isDone: boolean
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

export function createTopCutter(bodyLines: number): TopCutter {
  let linesLeft = bodyLines
  let inHeader = true
  let lineBytes = 0 // without its LF
  let lineBeginsWithCr = false
  let isDone = false

  const takeOfLine = (chunk: Buffer, from: number, to: number): void => {
    if (lineBytes === 0) lineBeginsWithCr = chunk[from] === carriageReturn
    lineBytes += to - from
  }
  const endLine = (): void => {
    if (!inHeader) linesLeft -= 1
    else if (lineBytes === 0 || (lineBytes === 1 && lineBeginsWithCr)) inHeader = false
    lineBytes = 0
    isDone = !inHeader && linesLeft <= 0
  }
  return {
    take(chunk) {
      let at = 0
      while (at < chunk.length && !isDone) {
        const feed = chunk.indexOf(lineFeed, at)
        const end = feed === -1 ? chunk.length : feed
        if (end > at) takeOfLine(chunk, at, end)
        if (feed === -1) return chunk
        at = feed + 1
        endLine()
      }
      return chunk.subarray(0, at)
    },
    get isDone() {
      return isDone
    },
  }
}
