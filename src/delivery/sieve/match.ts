/** Comparisons (RFC 5228 §2.7, RFC 5231, RFC 4790): match types over comparators, in time that is bounded. */

export type Comparator = 'i;ascii-casemap' | 'i;octet' | 'i;ascii-numeric'
export type Relation = 'gt' | 'ge' | 'lt' | 'le' | 'eq' | 'ne'

export type Matcher = {
  kind: 'is' | 'contains' | 'matches' | 'value' | 'count'
  comparator: Comparator
  /** Of `value` and `count`. */
  relation: Relation
  /** As they are compared: folded, and for `matches` as patterns. */
  keys: readonly string[]
  patterns: readonly Pattern[]
}

/** Each a code point, or a wildcard. */
export type Pattern = readonly (string | typeof anyCharacter | typeof anyText)[]

export const anyCharacter = Symbol('?')
export const anyText = Symbol('*')

/** What is left to be looked at for this message. `spend` throws when nothing is. */
export type Budget = { spend(characters: number): void }

export function createMatcher(
  options: Pick<Matcher, 'kind' | 'comparator' | 'relation'>,
  keys: readonly string[],
): Matcher {
  // RFC 5231 §5: a count is a number, whatever the comparator folds.
  const folded = keys.map((key) => fold(key, options.comparator))
  return { ...options, keys: folded, patterns: options.kind === 'matches' ? folded.map(parsePattern) : [] }
}

/** Whether any of the values matches any of the keys; for `count`, whether their number does. */
export function matchesAny(matcher: Matcher, values: readonly string[], budget: Budget): boolean {
  if (matcher.kind === 'count') {
    return matcher.keys.some((key) => isRelated(compareNumbers(String(values.length), key), matcher.relation))
  }
  return values.some((value) => matchesOne(matcher, value, budget))
}

function matchesOne(
  { kind, comparator, relation, keys, patterns }: Matcher,
  value: string,
  budget: Budget,
): boolean {
  budget.spend(value.length + keys.length)
  const text = fold(value, comparator)
  switch (kind) {
    case 'is':
      return keys.some((key) => compare(text, key, comparator) === 0)
    case 'contains':
      budget.spend(text.length * keys.length)
      return keys.some((key) => text.includes(key))
    case 'value':
      return keys.some((key) => isRelated(compare(text, key, comparator), relation))
    case 'matches': {
      const characters = [...text]
      return patterns.some((pattern) => matchesPattern(pattern, characters, budget))
    }
    case 'count':
      return false
  }
}

/** RFC 5228 §2.7.1: `*` and `?`, each meant as it is behind a backslash. */
export function parsePattern(key: string): Pattern {
  const pattern: (string | typeof anyCharacter | typeof anyText)[] = []
  let isEscaped = false
  for (const character of key) {
    if (!isEscaped && character === '\\') isEscaped = true
    else {
      const wildcard = character === '*' ? anyText : character === '?' ? anyCharacter : null
      // Several stars in a row match what one does.
      if (isEscaped || wildcard === null) pattern.push(character)
      else if (wildcard !== anyText || pattern.at(-1) !== anyText) pattern.push(wildcard)
      isEscaped = false
    }
  }
  if (isEscaped) pattern.push('\\')
  return pattern
}

/**
 * Goes back to the last star only, which is enough: what the stars before it have taken can stay as it is. So the steps are
 * at most the product of both lengths.
 */
export function matchesPattern(pattern: Pattern, text: readonly string[], budget: Budget): boolean {
  let at = 0
  let textAt = 0
  let starAt = -1
  let starTextAt = 0
  let steps = 0
  while (textAt < text.length) {
    if (++steps === 1000) {
      budget.spend(steps)
      steps = 0
    }
    const wanted = pattern[at]
    if (wanted === anyText) {
      starAt = at++
      starTextAt = textAt
    } else if (wanted === anyCharacter || (wanted !== undefined && wanted === text[textAt])) {
      at++
      textAt++
    } else if (starAt >= 0) {
      at = starAt + 1
      textAt = ++starTextAt
    } else return false
  }
  budget.spend(steps)
  while (pattern[at] === anyText) at++
  return at === pattern.length
}

function fold(text: string, comparator: Comparator): string {
  // RFC 4790 §9.2.1: ASCII letters only.
  return comparator === 'i;ascii-casemap' ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}

function compare(one: string, other: string, comparator: Comparator): number {
  if (comparator === 'i;ascii-numeric') return compareNumbers(one, other)
  if (one === other) return 0
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

/** RFC 4790 §9.1.1: the digits at the start; what has none is more than any number, and equal to its like. */
function compareNumbers(one: string, other: string): number {
  const [a, b] = [digitsOf(one), digitsOf(other)]
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : Number(a > b)
}

function digitsOf(text: string): string | null {
  const [, digits] = /^0*(\d+)/.exec(text) ?? []
  return digits ?? null
}

function isRelated(order: number, relation: Relation): boolean {
  switch (relation) {
    case 'gt':
      return order > 0
    case 'ge':
      return order >= 0
    case 'lt':
      return order < 0
    case 'le':
      return order <= 0
    case 'eq':
      return order === 0
    case 'ne':
      return order !== 0
  }
}
