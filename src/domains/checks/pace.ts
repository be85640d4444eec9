/** A pace for questions: never more than so many in any second, in small portions so that servers see no bursts. */

const portionsPerSecond = 10

export type Pace = () => Promise<void>

/**
 * Gives turns in the order in which they are asked for: in any tenth of a second no more than a tenth of them.
 * @param now in milliseconds.
 */
export function createPace(
  perSecond: number,
  now: () => number = () => performance.now(),
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Pace {
  // A second is a whole number of windows, or it could have a part of one more.
  const windows = Math.min(perSecond, portionsPerSecond)
  const portion = Math.floor(perSecond / windows)
  const windowMs = 1000 / windows
  /** When the last `portion` turns were given. */
  const given: number[] = []
  let last: Promise<void> = Promise.resolve()
  const next = async (): Promise<void> => {
    const oldest = given.length < portion ? undefined : given.shift()
    // Timers may fire a little early.
    while (oldest !== undefined && now() - oldest < windowMs) {
      await sleep(Math.max(1, Math.ceil(windowMs - (now() - oldest))))
    }
    given.push(now())
  }
  return () => {
    last = last.then(next)
    return last
  }
}
