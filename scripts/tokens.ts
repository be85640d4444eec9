/**
 * Cuts TypeScript source into tokens, well enough to find imports and banned words: comments, strings,
 * templates and regular expressions are recognised, so that their contents are never taken for code.
 * It is not a full lexer: numbers count as names, and every other character is a token of its own.
 */

export type TokenKind = 'name' | 'string' | 'template' | 'regex' | 'punctuation' | 'comment'

/** `text` is the contents for a string (escapes left as written) and the source text for all other kinds. */
export type Token = { kind: TokenKind; text: string; line: number }

/** The tokens of `source` in order, comments included. Never throws: what is unfinished ends at the end. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  const templateDepths: number[] = [] // brace depth at which each open `${` closes
  let braceDepth = 0
  let previous: Token | undefined // the last token that is not a comment: decides what a slash means
  let line = 1
  let at = 0

  const take = (kind: TokenKind, end: number, text = source.slice(at, end)): void => {
    const token: Token = { kind, text, line }
    tokens.push(token)
    if (kind !== 'comment') previous = token
    line += countNewlines(source, at, end)
    at = end
  }
  const takeTemplatePart = (from: number): void => {
    const part = readTemplatePart(source, from)
    if (part.opensExpression) templateDepths.push(braceDepth)
    take('template', part.end)
  }

  while (at < source.length) {
    const char = source.charAt(at)
    const pair = source.slice(at, at + 2)
    if (/\s/.test(char)) {
      if (char === '\n') line++
      at++
    } else if (pair === '//' || (at === 0 && pair === '#!')) take('comment', endOfLine(source, at))
    else if (pair === '/*') take('comment', endAfter(source, '*/', at + 2))
    else if (char === "'" || char === '"') {
      const end = endOfString(source, at)
      const closed = end > at + 1 && source.charAt(end - 1) === char
      take('string', end, source.slice(at + 1, closed ? end - 1 : end))
    } else if (char === '`') takeTemplatePart(at + 1)
    else if (char === '}' && templateDepths.at(-1) === braceDepth) {
      templateDepths.pop()
      takeTemplatePart(at + 1)
    } else if (char === '/') {
      const end = startsExpression(previous) ? endOfRegex(source, at) : null
      take(end === null ? 'punctuation' : 'regex', end ?? at + 1)
    } else if (nameStart.test(char)) take('name', endOfName(source, at))
    else {
      if (char === '{') braceDepth++
      if (char === '}') braceDepth--
      take('punctuation', at + 1)
    }
  }
  return tokens
}

/** True where the source text of consecutive tokens from `from` on equals `texts`; strings never match. */
export function matchesAt(tokens: readonly Token[], from: number, texts: readonly string[]): boolean {
  return texts.every((text, offset) => {
    const token = tokens[from + offset]
    return (
      token !== undefined && token.text === text && (token.kind === 'name' || token.kind === 'punctuation')
    )
  })
}

const nameStart = /[\p{ID_Start}\p{Nd}$_#@]/u

/** After these words a slash starts a regular expression; after any other word it divides. */
const wordsBeforeExpression = new Set(
  'return typeof case in of delete void throw new instanceof else do yield await extends default'.split(' '),
)

function startsExpression(previous: Token | undefined): boolean {
  if (previous === undefined) return true
  if (previous.kind === 'name') return wordsBeforeExpression.has(previous.text)
  if (previous.kind === 'punctuation') return !')]}'.includes(previous.text)
  return previous.kind === 'template' && previous.text.endsWith('${')
}

/** The end of the regular expression that starts at `at`, flags included; null when the line ends first. */
function endOfRegex(source: string, at: number): number | null {
  let inClass = false
  for (let i = at + 1; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === '\n') return null
    if (char === '\\') i++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return endOfName(source, i + 1)
  }
  return null
}

/** The end of the quoted string at `at`: after its closing quote, or at the end of the line if it has none. */
function endOfString(source: string, at: number): number {
  const quote = source.charAt(at)
  for (let i = at + 1; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === '\\') i++
    else if (char === quote) return i + 1
    else if (char === '\n') return i
  }
  return source.length
}

function readTemplatePart(source: string, from: number): { end: number; opensExpression: boolean } {
  for (let i = from; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === '\\') i++
    else if (char === '`') return { end: i + 1, opensExpression: false }
    else if (char === '$' && source.charAt(i + 1) === '{') return { end: i + 2, opensExpression: true }
  }
  return { end: source.length, opensExpression: false }
}

function endOfName(source: string, at: number): number {
  const rest = /[\p{ID_Continue}$#@]*/uy
  rest.lastIndex = at
  return at + (rest.exec(source)?.[0].length ?? 0)
}

function endOfLine(source: string, at: number): number {
  const end = source.indexOf('\n', at)
  return end === -1 ? source.length : end
}

function endAfter(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from)
  return found === -1 ? source.length : found + mark.length
}

function countNewlines(source: string, from: number, to: number): number {
  let count = 0
  for (let i = source.indexOf('\n', from); i !== -1 && i < to; i = source.indexOf('\n', i + 1)) count++
  return count
}
