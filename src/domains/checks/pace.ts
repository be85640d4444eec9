/** A pace for questions: never more than so many in any second, in small portions so that servers see no bursts. */

const windowsPerSecond = 25
/** What is left, beside a portion, for questions that a network or a busy machine bunches together. */
const spareShare = 1 / 64
const secondMs = 1000

export type Pace = () => Promise<void>

/**
 * Gives turns in the order in which they are asked for.
 * @param now in milliseconds.
 */
export function createPace(
  perSecond: number,
  now: () => number = () => performance.now(),
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Pace {
  const windows = Math.min(perSecond, windowsPerSecond)
  const portion = Math.floor(perSecond / windows)
  const windowMs = secondMs / windows
  // The first portion of the next second may arrive a little early.
  const most = Math.max(1, perSecond - portion - Math.floor(perSecond * spareShare))
  /** When the last turns were given, as many as a second may have. */
  const given: number[] = []
  const waitMs = (): number => {
    const [portionAgo, secondAgo] = [given.at(-portion), given.length < most ? undefined : given[0]]
    return Math.max(
      portionAgo === undefined ? 0 : portionAgo + windowMs - now(),
      secondAgo === undefined ? 0 : secondAgo + secondMs - now(),
    )
  }
  let last: Promise<void> = Promise.resolve()
  const next = async (): Promise<void> => {
    for (let ms = waitMs(); ms > 0; ms = waitMs()) await sleep(Math.max(1, Math.ceil(ms)))
    if (given.length >= most) given.shift()
    given.push(now())
  }
  return () => {
    last = last.then(next)
    return last
  }
}
