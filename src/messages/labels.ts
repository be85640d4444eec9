/** Labels: the keywords of a message by another name. What programs may call one, IMAP clients must be able to show. */
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { keywordBytesMax, keywordsPerMessageMax, uniqueKeywords } from './flags.ts'

/** A change of labels: all of them anew, or some that come and some that go. Names are compared without case. */
export type LabelChange =
  | { kind: 'replace'; labels: readonly string[] }
  | { kind: 'edit'; add: readonly string[]; remove: readonly string[] }

/** RFC 9051 §9, flag-keyword: an atom. */
const namePattern = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/

/**
 * @param pointer of the list in the request.
 * @returns the names, each once.
 * @throws Refusal label_invalid, which names all that cannot be labels.
 */
export function requireLabels(labels: readonly string[], pointer: string): string[] {
  const problems = labels.flatMap((label, index): FieldProblem[] => {
    const detail = problemOf(label)
    return detail === null ? [] : [{ pointer: `${pointer}/${index}`, detail }]
  })
  if (problems.length > 0) throw new Refusal('label_invalid', undefined, { fields: problems })
  return uniqueKeywords(labels)
}

function problemOf(label: string): string | null {
  if (label === '') return 'is empty'
  if (Buffer.byteLength(label) > keywordBytesMax) return `has more than ${keywordBytesMax} bytes`
  if (label.startsWith('\\')) return 'is a system flag: use seen, flagged or answered'
  if (/\s/.test(label)) return 'has a space: use “-” or “_”'
  return namePattern.test(label)
    ? null
    : 'may have ASCII letters, digits and marks, but none of ( ) { ] % * " \\'
}

/** The labels after a change: those that stay keep their spelling and their order. */
export function labelsAfter(labels: readonly string[], change: LabelChange): string[] {
  if (change.kind === 'replace') {
    const wanted = foldedSet(change.labels)
    return uniqueKeywords([...labels.filter((label) => wanted.has(label.toLowerCase())), ...change.labels])
  }
  const removed = foldedSet(change.remove)
  const kept = labels.filter((label) => !removed.has(label.toLowerCase()))
  return uniqueKeywords([...kept, ...change.add])
}

function foldedSet(labels: readonly string[]): Set<string> {
  return new Set(labels.map((label) => label.toLowerCase()))
}

/** @throws Refusal keyword_limit_reached. */
export function requireLabelCount(labels: readonly string[]): void {
  if (labels.length > keywordsPerMessageMax) throw new Refusal('keyword_limit_reached')
}
