/** Suggestions: names that could be registered, made of a word. Whether they can be had is asked of registrars. */
import { type DomainName, parseDomainName } from '../names.ts'

/** Around the word, the plainest first; `*` is the word. */
const patterns = [
  '*',
  'get*',
  'try*',
  '*hq',
  'go*',
  'use*',
  '*mail',
  '*team',
  'join*',
  'with*',
  '*app',
  '*hub',
  'meet*',
  'my*',
  '*now',
  '*labs',
  'hello*',
  '*online',
  '*group',
  '*works',
  'the*',
  '*direct',
  'contact*',
  '*-mail',
  'from*',
  '*connect',
  'team*',
  '*office',
  'ask*',
  '*partners',
] as const

const labelLengthMax = 63

/** The word as it can stand in a name: lower case, of letters, digits and hyphens; empty where nothing is left. */
function wordOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}-]+/gu, '')
    .replace(/^-+|-+$/g, '')
}

/**
 * Names of a word, each label under every suffix before the next one.
 * @param text a word or several; what cannot stand in a name is left out of it.
 * @param suffixes without a leading dot.
 * @returns none for a text that leaves no word, and from the end of the suggestions on.
 */
export function suggestNames(
  text: string,
  suffixes: readonly string[],
  { offset, limit }: { offset: number; limit: number },
): DomainName[] {
  const word = wordOf(text)
  if (word === '') return []
  const labels = patterns.map((pattern) => pattern.replace('*', word)).filter(isLabel)
  return labels
    .flatMap((label) => suffixes.flatMap((suffix) => parseDomainName(`${label}.${suffix}`) ?? []))
    .slice(offset, offset + limit)
}

function isLabel(text: string): boolean {
  return text.length <= labelLengthMax
}
