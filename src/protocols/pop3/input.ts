/** What comes from the client: bytes become lines, one at a time, when the session asks for them. */
import { pop3Limits } from './limits.ts'
import { createLineFramer, type LineEvent } from './syntax/line-framer.ts'

/** `closed`: the client is gone and nothing more will come. `woken`: wake() was called. */
export type InputEvent = LineEvent | { kind: 'closed' } | { kind: 'woken' }

export type Input = {
  /** Takes bytes of the socket, and pauses it when the client is too far ahead. */
  push(chunk: Buffer): void
  close(): void
  /** The next event; null when there is none yet. */
  poll(): InputEvent | null
  /** Waits for the next event. */
  next(): Promise<InputEvent>
  /** Ends a wait that has nothing to give. */
  wake(): void
  /** Whether a line is waited for. */
  readonly isWaiting: boolean
  /** Forgets what was sent ahead (STLS). */
  discardBuffered(): void
}

/** @param setFlowing starts and stops the reading of the socket. */
export function createInput(setFlowing: (flowing: boolean) => void): Input {
  const framer = createLineFramer(pop3Limits)
  let flowing = true
  let closed = false
  let woken = false
  let wakeUp: (() => void) | null = null

  const flow = (wanted: boolean): void => {
    if (flowing === wanted) return
    flowing = wanted
    setFlowing(wanted)
  }
  const tell = (): void => {
    wakeUp?.()
    wakeUp = null
  }
  const poll = (): InputEvent | null => {
    if (woken) {
      woken = false
      return { kind: 'woken' }
    }
    const event = framer.next()
    if (event === null || framer.bufferedBytes < pop3Limits.inputBytesMax / 2) flow(true)
    return event ?? (closed ? { kind: 'closed' } : null)
  }
  return {
    push(chunk) {
      framer.push(chunk)
      if (framer.bufferedBytes > pop3Limits.inputBytesMax) flow(false)
      tell()
    },
    close() {
      closed = true
      tell()
    },
    poll,
    async next() {
      for (;;) {
        const event = poll()
        if (event !== null) return event
        await new Promise<void>((resolve) => {
          wakeUp = resolve
        })
      }
    },
    wake() {
      woken = true
      tell()
    },
    get isWaiting() {
      return wakeUp !== null
    },
    discardBuffered: () => framer.discardBuffered(),
  }
}
