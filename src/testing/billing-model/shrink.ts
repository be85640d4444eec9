/** A history that went wrong, run again with less of it, for as long as it still goes wrong. */
import { HistoryFailed, runWorld, type WorldOptions } from './world.ts'

const runsMax = 15

/** @param options of one history alone. @returns the shortest that was found; the same where it does not fail alone. */
export async function shrink(
  options: WorldOptions,
  error: HistoryFailed,
): Promise<{ error: HistoryFailed; leftOut: ReadonlySet<number> }> {
  let best = { error, leftOut: new Set<number>() }
  let runs = 0
  for (let size = Math.ceil(options.rounds / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < options.rounds && runs < runsMax; from += size) {
      const more = Array.from({ length: size }, (_, n) => from + n)
      const leftOut = new Set([...best.leftOut, ...more])
      if (leftOut.size === best.leftOut.size) continue
      runs += 1
      const failed = await failure({ ...options, leftOut })
      if (failed !== null) best = { error: failed, leftOut }
    }
  }
  return best
}

async function failure(options: WorldOptions): Promise<HistoryFailed | null> {
  try {
    await runWorld(options)
    return null
  } catch (error) {
    if (error instanceof HistoryFailed) return error
    throw error
  }
}
