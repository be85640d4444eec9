/**
 * Content-Type and Content-Disposition values (RFC 2045 §5.1, RFC 2183 §2) with their parameters (RFC 2231).
 * Tolerant: mail has missing semicolons, unquoted spaces and quotes that never close. Every scan is linear.
 */
import { decodeCharset } from './charset.ts'
import { withoutControls } from './header-fields.ts'
import { mimeLimits } from './mime-limits.ts'

/** Names in lower case; values decoded. Each name once. */
export type ParameterList = [name: string, value: string][]

export type ContentType = { type: string; subtype: string; params: ParameterList }

type RawParameter = { name: string; value: string }
type Piece = { index: number; isExtended: boolean; value: string }

const mediaType = /^([\w!#$%&'*+.^`{|}~-]+)\/([\w!#$%&'*+.^`{|}~-]+)$/

/** null when the type itself is malformed; RFC 2045 §5.2 has such a part treated as text/plain. */
export function parseContentType(value: string): ContentType | null {
  const { main, params } = parseParameterized(value)
  // A bare `text` is common, and its charset is worth keeping.
  const [, type, subtype] = mediaType.exec(main === 'text' ? 'text/plain' : main) ?? []
  if (type === undefined || subtype === undefined) return null
  if (type.length > mimeLimits.mediaTypeCharsMax || subtype.length > mimeLimits.mediaTypeCharsMax) return null
  return { type, subtype, params }
}

/** A leading value in lower case without comments and white space, then `; name=value` pairs. */
export function parseParameterized(text: string): { main: string; params: ParameterList } {
  let at = 0
  let main = ''
  while (at < text.length && text[at] !== ';') {
    if (text[at] === '(') {
      at = skipComment(text, at)
      continue
    }
    // Only white space around the slash is passed over; after it a parameter without semicolon may follow.
    if (isSpace(text[at]) && main.includes('/') && !main.endsWith('/')) break
    if (!isSpace(text[at])) main += text[at]
    at++
  }
  return { main: main.toLowerCase(), params: joinContinuations(readParameters(text, at)) }
}

/** The offset after a comment that opens at `at` (RFC 5322 §3.2.2, nested); one that never closes takes all. */
export function skipComment(text: string, at: number): number {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const char = text[i]
    if (char === '\\') i++
    else if (char === '(') depth++
    else if (char === ')' && --depth === 0) return i + 1
  }
  return text.length
}

function readParameters(text: string, start: number): RawParameter[] {
  const raw: RawParameter[] = []
  const nameThenEquals = /([^ \t=;()"]+)[ \t]*(=?)[ \t]*/y
  let at = start
  while (at < text.length && raw.length < mimeLimits.parametersMax) {
    if (text[at] === '(') {
      at = skipComment(text, at)
      continue
    }
    nameThenEquals.lastIndex = at
    const match = nameThenEquals.exec(text)
    if (match === null) {
      at++
      continue
    }
    at = nameThenEquals.lastIndex
    if (match[2] !== '=') continue
    const { value, next } = text[at] === '"' ? readQuoted(text, at) : readUnquoted(text, at)
    raw.push({ name: (match[1] ?? '').toLowerCase(), value })
    at = next
  }
  return raw
}

function readQuoted(text: string, at: number): { value: string; next: number } {
  const quoted = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)(?:"|\\?$)/y
  quoted.lastIndex = at
  const value = quoted.exec(text)?.[1] ?? ''
  return { value: value.replace(/\\([\s\S])/g, '$1'), next: Math.max(at + 1, quoted.lastIndex) }
}

/** Up to a semicolon, a comment, or what looks like the next parameter: file names come with bare spaces. */
function readUnquoted(text: string, start: number): { value: string; next: number } {
  const word = /[^ \t;]+/y
  const nextParameter = /[^ \t=;()"]+=/y
  let value = ''
  let at = start
  for (;;) {
    word.lastIndex = at
    const match = word.exec(text)
    if (match === null) return { value, next: at }
    value += (value === '' ? '' : ' ') + match[0]
    at = word.lastIndex
    while (isSpace(text[at])) at++
    nextParameter.lastIndex = at
    if (text[at] === '(' || nextParameter.test(text)) return { value, next: at }
  }
}

/** RFC 2231 §3 and §4: name*0, name*1* and name* become one parameter; the extended form wins over a plain one. */
function joinContinuations(raw: readonly RawParameter[]): ParameterList {
  const plain = new Map<string, string>()
  const pieces = new Map<string, Piece[]>()
  const names = new Set<string>()
  for (const { name, value } of raw) {
    const [, base, index, star] = /^([^*]+)(?:\*(\d{1,3}))?(\*?)$/.exec(name) ?? []
    if (base === undefined || (index === undefined && star === '')) {
      names.add(name)
      if (!plain.has(name)) plain.set(name, value)
      continue
    }
    names.add(base)
    const ofBase = pieces.get(base) ?? []
    ofBase.push({ index: Number(index ?? 0), isExtended: star === '*', value })
    pieces.set(base, ofBase)
  }
  return [...names].map((name) => {
    const ofName = pieces.get(name)
    return [name, withoutControls(ofName === undefined ? (plain.get(name) ?? '') : joinPieces(ofName))]
  })
}

function joinPieces(pieces: readonly Piece[]): string {
  const ordered = pieces.toSorted((a, b) => a.index - b.index)
  const first = ordered[0]
  if (first === undefined) return ''
  if (!ordered.some((piece) => piece.isExtended)) return ordered.map((piece) => piece.value).join('')
  const [, charset, rest] = (first.isExtended && /^([^']*)'[^']*'([\s\S]*)$/.exec(first.value)) || []
  const bytes = ordered.map((piece) => {
    const value = piece === first && rest !== undefined ? rest : piece.value
    return piece.isExtended ? percentDecoded(value) : Buffer.from(value)
  })
  return decodeCharset(Buffer.concat(bytes), charset ?? null)
}

function percentDecoded(text: string): Buffer {
  const bytes = Buffer.from(text).toString('latin1')
  const decoded = bytes.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(decoded, 'latin1')
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}
