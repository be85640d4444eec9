/** Collects wire strings and octets of responses until the owner sends them. */
export type ResponseWriter = {
  /** A wire string (see encode.ts), CRLF included where one belongs. */
  write(wire: string): void
  /** Octets as they are: the inside of a literal. The buffer must not change until it is taken. */
  writeBytes(bytes: Buffer): void
  /** Octets waiting. The owner takes them when this passes its bound, and waits for the socket to drain. */
  readonly sizeBytes: number
  /** What was written, in order, for one gathering write; the writer is empty afterwards. */
  take(): Buffer[]
}

export function createResponseWriter(): ResponseWriter {
  let parts: Buffer[] = []
  let text = ''
  let partsBytes = 0

  function flushText(): void {
    if (text === '') return
    parts.push(Buffer.from(text, 'latin1'))
    partsBytes += text.length
    text = ''
  }

  return {
    write(wire) {
      text += wire
    },
    writeBytes(bytes) {
      flushText()
      parts.push(bytes)
      partsBytes += bytes.length
    },
    get sizeBytes() {
      return partsBytes + text.length
    },
    take() {
      flushText()
      const taken = parts
      parts = []
      partsBytes = 0
      return taken
    },
  }
}
