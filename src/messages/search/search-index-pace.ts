/** How fast background work goes on: it rests after each piece, and longer while the event loop is busy with others. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** Rests as long as half of the work before it took, within these bounds. */
const restMs = { min: 2, max: 500 }
/** The part of a rest in which the event loop worked, from which on others need it. */
const busyFrom = 0.4
/** Then it looks again after this time, and goes on after so many looks in any case: slowly, but it comes to its end. */
const busyRestMs = 100
const busyRestsMax = 10

/** @param workMs how long the piece of work took. */
export async function rest(workMs: number): Promise<void> {
  let ms = Math.min(restMs.max, Math.max(restMs.min, workMs / 2))
  for (let looks = 0; looks <= busyRestsMax; looks++) {
    const before = performance.eventLoopUtilization()
    await sleep(ms)
    if (performance.eventLoopUtilization(before).utilization < busyFrom) return
    ms = busyRestMs
  }
}
