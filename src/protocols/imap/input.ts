/** What comes from the client: bytes become events of the framer, one at a time, when the session asks for them. */
import { imapLimits } from './limits.ts'
import { createFramer, type FramerEvent } from './syntax/framing.ts'

/** `closed`: the client is gone and nothing more will come. */
export type InputEvent = FramerEvent | { kind: 'closed' }

export type Input = {
  /** Takes bytes of the socket, and pauses it when the client is too far ahead. */
  push(chunk: Buffer): void
  close(): void
  /** The next event; null when there is none yet. */
  poll(): InputEvent | null
  /** Waits until poll() may have something, or until wake(). */
  news(): Promise<void>
  next(): Promise<InputEvent>
  wake(): void
  /** Whether a command or its client's next line is waited for. */
  readonly isWaiting: boolean
  acceptLiteral(how: 'buffer' | 'stream'): void
  refuseLiteral(): void
  /** The next line is no command (AUTHENTICATE, IDLE). */
  expectLine(): void
  /** Removes what was sent ahead: STARTTLS throws it away, COMPRESS inflates it. */
  takeBuffered(): Buffer
}

/** @param setFlowing starts and stops the reading of the socket. */
export function createInput(setFlowing: (flowing: boolean) => void): Input {
  const framer = createFramer()
  let flowing = true
  let closed = false
  let wakeUp: (() => void) | null = null

  const flow = (wanted: boolean): void => {
    if (flowing === wanted) return
    flowing = wanted
    setFlowing(wanted)
  }
  const wake = (): void => {
    wakeUp?.()
    wakeUp = null
  }
  const poll = (): InputEvent | null => {
    const event = framer.next()
    if (event === null || framer.bufferedBytes < imapLimits.inputBytesMax / 2) flow(true)
    return event ?? (closed ? { kind: 'closed' } : null)
  }
  const news = (): Promise<void> =>
    new Promise((resolve) => {
      wakeUp = resolve
    })
  return {
    push(chunk) {
      framer.push(chunk)
      if (framer.bufferedBytes > imapLimits.inputBytesMax) flow(false)
      wake()
    },
    close() {
      closed = true
      wake()
    },
    poll,
    news,
    async next() {
      for (;;) {
        const event = poll()
        if (event !== null) return event
        await news()
      }
    },
    wake,
    get isWaiting() {
      return wakeUp !== null
    },
    acceptLiteral: (how) => framer.acceptLiteral(how),
    refuseLiteral: () => framer.refuseLiteral(),
    expectLine: () => framer.expectLine(),
    takeBuffered: () => framer.takeBuffered(),
  }
}
