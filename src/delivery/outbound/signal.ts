/** Waking a loop: a signal that comes while nobody waits is not lost. */
export type Signal = {
  /** Wakes whoever waits, now or next. */
  wake(): void
  /** Resolves with true when woken, with false when the time is over. */
  wait(ms: number): Promise<boolean>
}

export function createSignal(): Signal {
  let isSet = false
  let release: (() => void) | null = null
  return {
    wake() {
      isSet = true
      release?.()
    },
    async wait(ms) {
      if (!isSet) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          release = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        release = null
      }
      const wasSet = isSet
      isSet = false
      return wasSet
    },
  }
}
