/** Notices a client that says nothing and takes nothing. */
export type SilenceTimer = {
  /** Something was said: the time begins again. */
  restart(): void
  /** From now on it may be so many ms. */
  allow(msMax: number): void
  stop(): void
}

/** Calls back once for each time that restart() was not called for `msMax`. */
export function startSilenceTimer(msMax: number, onSilence: () => void): SilenceTimer {
  let timer = setTimeout(onSilence, msMax)
  return {
    restart: () => void timer.refresh(),
    allow(ms) {
      clearTimeout(timer)
      timer = setTimeout(onSilence, ms)
    },
    stop: () => clearTimeout(timer),
  }
}
