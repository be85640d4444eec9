/** Collects responses into writes of a useful size, and waits for the reader of them: memory stays bounded. */

export type Write = (data: string | Buffer) => Promise<void>

export type FetchOutput = {
  /** Adds a wire string (see syntax/encode.ts). The caller keeps it small; see `relieve`. */
  text(wire: string): void
  /** Adds octets of a literal. They must not change until the write is done. */
  bytes(octets: Buffer): Promise<void>
  /** Writes what has been collected if it is enough to be worth a write. */
  relieve(): Promise<void>
  flush(): Promise<void>
}

/** Text is collected up to this before it is written: a FETCH of flags has some 50 bytes for each message. */
const textBytesMax = 32 * 1024
/** Octets up to this are copied into the text, which costs less than a write of their own. */
const copiedBytesMax = 4 * 1024

export function createFetchOutput(write: Write): FetchOutput {
  let collected = ''

  const flush = async (): Promise<void> => {
    if (collected === '') return
    const text = collected
    collected = ''
    await write(text)
  }

  return {
    text(wire) {
      collected += wire
    },
    async bytes(octets) {
      if (octets.length <= copiedBytesMax) {
        collected += octets.toString('latin1')
        if (collected.length >= textBytesMax) await flush()
        return
      }
      await flush()
      await write(octets)
    },
    async relieve() {
      if (collected.length >= textBytesMax) await flush()
    },
    flush,
  }
}
