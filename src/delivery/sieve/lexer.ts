/** The words of a Sieve script (RFC 5228 §2, §8.1), each with its place. */
import { sieveLimits } from './limits.ts'

/** Both count from one. */
export type Position = { line: number; column: number }

export type SieveProblem = Position & { detail: string }

export type Token = Position &
  (
    | { kind: 'word'; text: string }
    | { kind: 'tag'; text: string }
    | { kind: 'string'; text: string }
    | { kind: 'number'; value: number }
    | { kind: 'mark'; text: string }
    | { kind: 'end' }
  )

/** Thrown at the first thing that is no Sieve; the parser turns it into a value. */
export class SieveSyntaxError extends Error {
  readonly problem: SieveProblem

  constructor({ line, column }: Position, detail: string) {
    super(detail)
    this.problem = { line, column, detail }
  }
}

const space = /[ \t\r\n]+/y
const lineComment = /#[^\n]*/y
const word = /[A-Za-z_]\w*/y
const number = /(\d+)([KMG]?)(?!\w)/iy
const quoted = /"((?:[^"\\]|\\.)*)"/sy
// RFC 5228 §2.4.2: `text:`, to the line that is a dot alone.
const multiLineStart = /text:[ \t]*(?:#[^\n]*)?\r?\n/iy
const multiLineEnd = /^\.\r?$/m
const units: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

/** @throws SieveSyntaxError. */
export function lex(script: string): Token[] {
  if (Buffer.byteLength(script) > sieveLimits.scriptBytesMax) {
    throw new SieveSyntaxError(
      { line: 1, column: 1 },
      `A script may have at most ${sieveLimits.scriptBytesMax} bytes.`,
    )
  }
  const reader = createReader(script)
  const tokens: Token[] = []
  for (;;) {
    skipBlanks(reader)
    const token = readToken(reader)
    tokens.push(token)
    if (token.kind === 'end') return tokens
  }
}

type Reader = {
  readonly script: string
  at: number
  /** What the pattern finds here, and moves behind it. */
  take(pattern: RegExp): RegExpExecArray | null
  position(): Position
}

function createReader(script: string): Reader {
  let line = 1
  let lineStart = 0
  let counted = 0
  const reader: Reader = {
    script,
    at: 0,
    take(pattern) {
      pattern.lastIndex = reader.at
      const match = pattern.exec(script)
      if (match) reader.at += match[0].length
      return match
    },
    position() {
      for (
        let feed = script.indexOf('\n', counted);
        feed >= 0 && feed < reader.at;
        feed = script.indexOf('\n', counted)
      ) {
        line++
        lineStart = feed + 1
        counted = feed + 1
      }
      return { line, column: reader.at - lineStart + 1 }
    },
  }
  return reader
}

function skipBlanks(reader: Reader): void {
  for (;;) {
    if (reader.take(space) || reader.take(lineComment)) continue
    if (!reader.script.startsWith('/*', reader.at)) return
    const end = reader.script.indexOf('*/', reader.at + 2)
    if (end < 0) throw new SieveSyntaxError(reader.position(), 'This comment has no end.')
    reader.at = end + 2
  }
}

function readToken(reader: Reader): Token {
  const place = reader.position()
  if (reader.at >= reader.script.length) return { ...place, kind: 'end' }
  if (reader.take(multiLineStart)) return { ...place, kind: 'string', text: readMultiLine(reader, place) }
  const string = reader.take(quoted)
  // RFC 5228 §2.4.2: a backslash before any other character means that character.
  if (string) return { ...place, kind: 'string', text: (string[1] ?? '').replace(/\\(.)/gs, '$1') }
  const name = reader.take(word)
  if (name) return { ...place, kind: 'word', text: name[0].toLowerCase() }
  const digits = reader.take(number)
  if (digits) return { ...place, kind: 'number', value: toNumber(digits, place) }
  const character = reader.script[reader.at] ?? ''
  if (character === '"') throw new SieveSyntaxError(place, 'This text has no closing quote.')
  if (character === ':') {
    reader.at++
    const tag = reader.take(word)
    if (!tag) throw new SieveSyntaxError(place, 'A name is missing behind the colon.')
    return { ...place, kind: 'tag', text: `:${tag[0].toLowerCase()}` }
  }
  if (!'()[]{},;'.includes(character)) {
    throw new SieveSyntaxError(
      place,
      `"${String.fromCodePoint(reader.script.codePointAt(reader.at) ?? 0)}" cannot stand here.`,
    )
  }
  reader.at++
  return { ...place, kind: 'mark', text: character }
}

function readMultiLine(reader: Reader, place: Position): string {
  const rest = reader.script.slice(reader.at)
  const end = multiLineEnd.exec(rest)
  if (!end) throw new SieveSyntaxError(place, 'This text has no end: a line with a dot alone is missing.')
  reader.at += end.index + end[0].length
  return rest.slice(0, end.index).replace(/\r\n/g, '\n').replace(/^\.\./gm, '.')
}

function toNumber([, digits, unit]: RegExpExecArray, place: Position): number {
  const value = Number(digits) * (units[(unit ?? '').toLowerCase()] ?? 1)
  if (value > 2 ** 40) throw new SieveSyntaxError(place, 'This number is too large.')
  return value
}
