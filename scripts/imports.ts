/**
 * Finds what a TypeScript file imports, without a compiler: import and export-from statements (type-only
 * ones too), import() of a literal as an expression or a type, require() of a literal, and
 * `declare module '...'` of a relative file, which leans on that file as an import does.
 */
import { type Token, tokenize } from './tokens.ts'

/** `specifier` is null for an import() whose argument is not a plain string: nobody can check that one. */
export type Import = { specifier: string | null; line: number }

/** The imports of one file in source order. */
export function readImports(source: string): Import[] {
  const tokens = tokenize(source).filter((token) => token.kind !== 'comment')
  const imports: Import[] = []
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'name' || isMember(tokens, at)) continue
    const found = importAt(tokens, at, token)
    if (found) imports.push(found)
  }
  return imports
}

function importAt(tokens: readonly Token[], at: number, token: Token): Import | null {
  const next = tokens[at + 1]
  if (next === undefined) return null
  switch (token.text) {
    case 'import':
      if (next.kind === 'string') return { specifier: next.text, line: token.line }
      if (next.text === '(') return isMethod(tokens, at + 1) ? null : callAt(tokens, at, token.line)
      return next.text === '.' ? null : fromClause(tokens, at + 1, token.line) // import.meta is no import
    case 'export': {
      const list = next.text === 'type' ? at + 2 : at + 1
      return startsExportList(tokens[list]) ? fromClause(tokens, list, token.line) : null
    }
    case 'require':
      return next.text === '(' && tokens[at + 2]?.kind === 'string' ? callAt(tokens, at, token.line) : null
    case 'module':
      return next.kind === 'string' && next.text.startsWith('.') && tokens[at - 1]?.text === 'declare'
        ? { specifier: next.text, line: token.line }
        : null
    default:
      return null
  }
}

/** `import` and `require` as property or method names: `x.import`, `{ import: 1 }`. */
function isMember(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.text
  if (before === '.' && tokens[at - 2]?.text !== '.') return true // `...import()` spreads, `x.import()` is a member
  return tokens[at + 1]?.kind === 'punctuation' && tokens[at + 1]?.text === ':'
}

/** A method that is called import: its parameter list is followed by a body or a return type. */
function isMethod(tokens: readonly Token[], open: number): boolean {
  let depth = 0
  for (let at = open; at < tokens.length; at++) {
    const token = tokens[at]
    if (token?.kind !== 'punctuation') continue
    if (token.text === '(') depth++
    if (token.text === ')' && --depth === 0) return ['{', ':'].includes(tokens[at + 1]?.text ?? '')
  }
  return false
}

function callAt(tokens: readonly Token[], at: number, line: number): Import {
  const argument = tokens[at + 2]
  const end = tokens[at + 3]?.text
  if (argument?.kind === 'string' && (end === ')' || end === ',')) return { specifier: argument.text, line }
  const isPlainTemplate = argument?.kind === 'template' && /^`[^`]*`$/.test(argument.text)
  if (isPlainTemplate && end === ')') return { specifier: argument.text.slice(1, -1), line }
  return { specifier: null, line }
}

function startsExportList(token: Token | undefined): boolean {
  return token?.kind === 'punctuation' && (token.text === '{' || token.text === '*')
}

/** Reads the names of an import or export list up to `from '...'`; null when the statement has no such end. */
function fromClause(tokens: readonly Token[], from: number, line: number): Import | null {
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at]
    const next = tokens[at + 1]
    if (token === undefined) return null
    if (token.kind === 'name' && token.text === 'from' && next?.kind === 'string') {
      return { specifier: next.text, line }
    }
    const isListPart =
      token.kind === 'name' ||
      token.kind === 'string' || // import { 'odd name' as name }
      (token.kind === 'punctuation' && '{},*'.includes(token.text))
    if (!isListPart) return null
    if (token.text === '}' && token.kind === 'punctuation' && next?.text !== 'from') return null
  }
  return null
}
