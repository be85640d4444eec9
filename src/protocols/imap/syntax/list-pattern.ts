/** LIST and LSUB patterns, RFC 9051 §6.3.9: `*` matches anything, `%` anything but the hierarchy delimiter. */
import { hierarchyDelimiter } from './mailbox-name.ts'

/**
 * A matcher for Unicode names. `reference` is put before the pattern as it is. The first level INBOX matches in any
 * case. All pattern positions advance together, so the time is at most name length times pattern length.
 */
export function compileListPattern(reference: string, pattern: string): (name: string) => boolean {
  const steps = [...withoutWildcardRuns(reference + pattern)]
  return (name) => matches(steps, name)
}

// `*` next to any wildcard swallows it: fewer positions, the same matches.
function withoutWildcardRuns(pattern: string): string {
  return pattern.replace(/[*%]{2,}/g, (run) => (run.includes('*') ? '*' : '%'))
}

function matches(steps: readonly string[], name: string): boolean {
  const inboxLength = /^INBOX(?=\/|$)/.test(name) ? 5 : 0
  // Positions that are reached, ascending; the last is the end of the pattern.
  let reached = pastWildcards(steps, [0])
  let at = 0
  for (const char of name) {
    const next: number[] = []
    for (const position of reached) {
      const step = steps[position]
      if (step === undefined) continue
      if (step === '*' || (step === '%' && char !== hierarchyDelimiter)) addOnce(next, position)
      else if (step === char || (at < inboxLength && step.toUpperCase() === char)) addOnce(next, position + 1)
    }
    if (next.length === 0) return false
    reached = pastWildcards(steps, next)
    at += char.length
  }
  return reached.at(-1) === steps.length
}

/** A wildcard may match nothing: whoever stands before one stands behind it too. */
function pastWildcards(steps: readonly string[], positions: readonly number[]): number[] {
  const all: number[] = []
  for (const start of positions) {
    addOnce(all, start)
    for (let at = start; steps[at] === '*' || steps[at] === '%'; at++) addOnce(all, at + 1)
  }
  return all
}

// Positions arrive ascending but for repetitions of the last ones, so looking at the end is enough.
function addOnce(positions: number[], position: number): void {
  if (positions.length === 0 || position > (positions.at(-1) ?? 0)) positions.push(position)
}
