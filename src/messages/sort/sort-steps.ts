/**
 * Long work in steps: a generator that stops every few milliseconds' worth of work, so that whoever runs it may let
 * the event loop go in between. Sorting is one such work: a million comparisons in one go would hold up everyone else.
 */
import { setImmediate } from 'node:timers/promises'

export type Steps<Result> = Generator<void, Result, void>

/** The event loop is let go after this much work in one go. */
const workMsMax = 10

/** Runs the steps to their end at once. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/**
 * Runs the steps and lets others work in between.
 * @param onPause called before each pause; what it throws ends the work.
 */
export async function runInTurns<Result>(
  steps: Steps<Result>,
  onPause: () => void = () => {},
): Promise<Result> {
  let letGoAt = performance.now() + workMsMax
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (performance.now() < letGoAt) continue
    onPause()
    await setImmediate()
    letGoAt = performance.now() + workMsMax
  }
}

/** Runs of this length are sorted in one go; a multiple of the step of `merge`. */
const runLength = 2_048

/** Sorts in place, stable: equal items keep their order. */
export function* sortSteps(items: Uint32Array, compare: (a: number, b: number) => number): Steps<void> {
  for (let start = 0; start < items.length; start += runLength) {
    items.subarray(start, start + runLength).sort(compare)
    yield
  }
  let from: Uint32Array = items
  let to: Uint32Array = new Uint32Array(items.length)
  for (let width = runLength; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      yield* merge(from, to, start, width, compare)
    }
    ;[from, to] = [to, from]
  }
  if (from !== items) items.set(from)
}

/** Merges the sorted runs `[start, start + width)` and the next of that width into the same place of `to`. */
function* merge(
  from: Uint32Array,
  to: Uint32Array,
  start: number,
  width: number,
  compare: (a: number, b: number) => number,
): Steps<void> {
  const middle = Math.min(start + width, from.length)
  const end = Math.min(start + 2 * width, from.length)
  let left = start
  let right = middle
  for (let at = start; at < end; at++) {
    if (at % runLength === 0) yield
    const a = from[left]
    const b = from[right]
    const takeLeft = right >= end || (left < middle && compare(a ?? 0, b ?? 0) <= 0)
    to[at] = (takeLeft ? a : b) ?? 0
    if (takeLeft) left++
    else right++
  }
}
