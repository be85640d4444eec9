/** The difference of two texts, line by line, in unified form: what an approver changed, for people to read. */

export const diffCharsMax = 32 * 1024

const contextLines = 3
/** Past it the changed middle is shown as removed and added whole: the table of the comparison has so many cells. */
const cellsMax = 1_000_000

type Line = { mark: ' ' | '-' | '+'; text: string }

/** @returns hunks with three lines of context, cut at `diffCharsMax`; empty where nothing differs. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return ''
  const text = hunksOf(compare(linesOf(before), linesOf(after)))
  return text.length <= diffCharsMax ? text : `${text.slice(0, diffCharsMax).toWellFormed()}\n...`
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/\r?\n/)
}

function compare(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let same = 0
  const most = Math.min(before.length, after.length) - start
  while (same < most && before[before.length - 1 - same] === after[after.length - 1 - same]) same++
  const as = (mark: Line['mark'], lines: readonly string[]): Line[] => lines.map((text) => ({ mark, text }))
  const old = before.slice(start, before.length - same)
  const now = after.slice(start, after.length - same)
  return [
    ...as(' ', before.slice(0, start)),
    ...(old.length * now.length > cellsMax ? [...as('-', old), ...as('+', now)] : walk(old, now)),
    ...as(' ', before.slice(before.length - same)),
  ]
}

/** By the longest common subsequence; what is removed comes before what takes its place. */
function walk(old: readonly string[], now: readonly string[]): Line[] {
  const width = now.length + 1
  const longest = new Uint32Array((old.length + 1) * width)
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      longest[i * width + j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: Line[] = []
  let i = 0
  let j = 0
  while (i < old.length || j < now.length) {
    const [removed, added] = [old[i], now[j]]
    if (removed !== undefined && removed === added) {
      lines.push({ mark: ' ', text: removed })
      i++
      j++
    } else if (removed !== undefined && (added === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: removed })
      i++
    } else if (added !== undefined) {
      lines.push({ mark: '+', text: added })
      j++
    }
  }
  return lines
}

function hunksOf(lines: readonly Line[]): string {
  const shown = new Set<number>()
  for (const [at, { mark }] of lines.entries()) {
    if (mark === ' ') continue
    for (let near = at - contextLines; near <= at + contextLines; near++) shown.add(near)
  }
  const parts: string[] = []
  let hunk: Line[] = []
  let [oldLine, newLine] = [1, 1]
  let [oldStart, newStart] = [1, 1]
  const close = (): void => {
    if (hunk.length === 0) return
    const count = (mark: Line['mark']): number => hunk.filter((line) => line.mark !== mark).length
    parts.push(`@@ -${oldStart},${count('+')} +${newStart},${count('-')} @@`)
    parts.push(...hunk.map(({ mark, text }) => `${mark}${text}`))
    hunk = []
  }
  for (const [at, line] of lines.entries()) {
    if (!shown.has(at)) close()
    else {
      if (hunk.length === 0) [oldStart, newStart] = [oldLine, newLine]
      hunk.push(line)
    }
    if (line.mark !== '+') oldLine++
    if (line.mark !== '-') newLine++
  }
  close()
  return parts.join('\n')
}
