/** How many may do something at once; some more wait their turn, for a bounded time. */

export type Slots = {
  /** @returns what gives the slot back, or null when there was none in time. */
  take(): Promise<(() => void) | null>
  readonly taken: number
}

export function createSlots(options: { max: number; waitingMax: number; waitMsMax: number }): Slots {
  const waiting = new Set<(granted: boolean) => void>()
  let taken = 0

  const release = (): void => {
    const [next] = waiting
    if (next === undefined) taken--
    else next(true) // the slot changes hands
  }
  const once = (): (() => void) => {
    let isHeld = true
    return () => {
      if (isHeld) release()
      isHeld = false
    }
  }
  return {
    get taken() {
      return taken
    },
    async take() {
      if (taken < options.max) {
        taken++
        return once()
      }
      if (waiting.size >= options.waitingMax) return null
      const granted = await new Promise<boolean>((resolve) => {
        const settle = (yes: boolean): void => {
          clearTimeout(timer)
          waiting.delete(settle)
          resolve(yes)
        }
        const timer = setTimeout(() => settle(false), options.waitMsMax)
        waiting.add(settle)
      })
      return granted ? once() : null
    },
  }
}
