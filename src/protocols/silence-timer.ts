/** Notices a client that says nothing and takes nothing. */
import type { Socket } from 'node:net'

export type SilenceTimer = {
  /** Something was said: the time begins again. */
  restart(): void
  /** From now on it may be so many ms. */
  allow(msMax: number): void
  stop(): void
}

export type WatchedConnection = {
  /** Whether what we have to say waits for the client to take it. */
  isBlocked(): boolean
  /** Whether we wait for the client to say something. */
  isWaiting(): boolean
  /** STARTTLS puts another in the place of the first. */
  socket(): Socket
  /** It was silent for too long. */
  onSilence(): void
}

/**
 * Looks when restart() was not called for `msMax`. A client that takes nothing of an answer any more is cut; one that
 * takes it slowly, or waits for us, gets the time once more.
 */
export function startSilenceTimer(msMax: number, watched: WatchedConnection): SilenceTimer {
  let takenBytes = 0
  const look = (): void => {
    if (watched.isBlocked()) {
      const socket = watched.socket()
      if (socket.bytesWritten === takenBytes) return void socket.destroy()
      takenBytes = socket.bytesWritten
      timer.refresh()
    } else if (watched.isWaiting()) watched.onSilence()
    else timer.refresh()
  }
  let timer = setTimeout(look, msMax)
  return {
    restart: () => void timer.refresh(),
    allow(ms) {
      clearTimeout(timer)
      timer = setTimeout(look, ms)
    },
    stop: () => clearTimeout(timer),
  }
}
