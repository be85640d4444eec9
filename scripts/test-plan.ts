/** Which test files share a process. Pure rules; test.ts starts the processes. */

/** Enough that the import of the program is paid for, few enough that the processes end at about the same time. */
const groupSizeMax = 16

/**
 * What changes or measures the process as a whole: its environment, its signals, its memory, its clock. Such a file
 * has a process of its own.
 */
const wholeProcess =
  /\bprocess\.(env|exitCode|on|once|chdir|memoryUsage|stdout|stderr|kill)\b|\bmock\.(timers|method|module)\b/

/**
 * The files of each process, in the order in which to start them: those alone come first, as the longest are among
 * them. Files outside src/ start whole servers and other programs; each is alone.
 * @param sources the text of each test file by its path from the repository's root.
 */
export function planGroups(sources: ReadonlyMap<string, string>): string[][] {
  const alone: string[][] = []
  const shared: string[] = []
  for (const [path, text] of [...sources].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (!path.startsWith('src/') || wholeProcess.test(text)) alone.push([path])
    else shared.push(path)
  }
  const count = Math.ceil(shared.length / groupSizeMax)
  const groups = Array.from({ length: count }, (_, at) =>
    shared.slice(Math.floor((at * shared.length) / count), Math.floor(((at + 1) * shared.length) / count)),
  )
  return [...alone, ...groups]
}
