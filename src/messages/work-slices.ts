/** Long work on the event loop, cut into slices: between them everyone else has a turn. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

/** The event loop is let go after this much work in one go. */
export const sliceMs = 10

export type WorkSlices = {
  /** Whether it is time to let go. */
  isOver(): boolean
  letGo(): Promise<void>
}

/** @param restMs how long it is let go: of work that nobody waits for, as long as it was held. */
export function startWorkSlices(restMs = 0): WorkSlices {
  let until = performance.now() + sliceMs
  return {
    isOver: () => performance.now() >= until,
    async letGo() {
      await (restMs === 0 ? setImmediate() : sleep(restMs))
      until = performance.now() + sliceMs
    },
  }
}
