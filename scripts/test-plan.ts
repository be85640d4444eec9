/** Which test files share a process. Pure rules; test.ts starts the processes. */

/** How many files a process takes at most, so that what they leave in its memory has a bound. */
export const filesPerProcess = 24

/**
 * What changes or measures the process as a whole: its environment, its signals, its memory, its clock. Such a file
 * has a process of its own.
 */
const wholeProcess =
  /\bprocess\.(exitCode|on|once|chdir|memoryUsage|stdout|stderr)\b|\bprocess\.env(\[[^\]]+\]|\.\w+) (\?\?)?= |\bdelete process\.env\b|\bmock\.(timers|method|module)\b/

/** In the order in which to start them. */
export type TestPlan = {
  /** Each in a process of its own; before the others. */
  readonly alone: readonly string[]
  /** Taken by processes from the front, one at a time. Those outside src/, which start whole servers, come first. */
  readonly shared: readonly string[]
}

/** @param sources the text of each test file by its path from the repository's root. */
export function planTests(sources: ReadonlyMap<string, string>): TestPlan {
  const paths = [...sources.keys()].sort((one, other) => (one < other ? -1 : 1))
  const isAlone = (path: string): boolean => wholeProcess.test(sources.get(path) ?? '')
  const shared = paths.filter((path) => !isAlone(path))
  const isLong = (path: string): boolean => path.startsWith('test/')
  return {
    alone: paths.filter(isAlone),
    shared: [...shared.filter(isLong), ...shared.filter((path) => !isLong(path))],
  }
}
