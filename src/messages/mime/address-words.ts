/** The lexical part of address lists: words, quoted strings, comments and domains (RFC 5322 §3.2, §3.4.1). */
import { skipComment } from './content-type.ts'

/** An atom, quoted string or encoded-word; `hasGapBefore`: white space or a comment stood before it. */
export type Word = { text: string; hasGapBefore: boolean }

/** A place in a text. `comment` is the last comment passed, `isQuoteOpenEnded`: no quote closes from here on. */
export type AddressReader = { text: string; at: number; comment: string | null; isQuoteOpenEnded: boolean }

/** RFC 2047 §5 (3) bars commas here, and senders put them in all the same. */
const encodedWord = /=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=/y
const atom = /[^\s()<>@,;:"]+/y
const domainAtoms = /[^\s()<>@,;:"[\]]+/y
/** RFC 5322 §3.4.1. One that never closes ends where the address does. */
const domainLiteral = /\[[^[\]<>@,;"]*\]?/y
const whiteSpace = /\s*/y

export function createAddressReader(text: string): AddressReader {
  return { text, at: 0, comment: null, isQuoteOpenEnded: false }
}

/** Words up to one of `< @ , ; :` or the end. Odd characters and quotes that never close are passed over. */
export function readWords(reader: AddressReader): Word[] {
  const words: Word[] = []
  for (;;) {
    const hasGapBefore = skipSpaceAndComments(reader)
    const char = reader.text[reader.at]
    if (char === undefined || '<@,;:'.includes(char)) return words
    const text =
      char === '"' ? readQuoted(reader) : readPattern(reader, encodedWord) || readPattern(reader, atom)
    if (text !== '') words.push({ text, hasGapBefore })
    else if (char !== '"') reader.at++
  }
}

/** Standing at `@`: the domain after it, without white space and comments, a domain literal with its brackets. */
export function readDomain(reader: AddressReader): string {
  reader.at++
  let domain = ''
  for (;;) {
    skipSpaceAndComments(reader)
    const char = reader.text[reader.at]
    if (domain !== '' && char !== '.' && !domain.endsWith('.')) return domain
    const piece = readPattern(reader, char === '[' ? domainLiteral : domainAtoms)
    if (piece === '') return domain
    domain += piece.replace(/\s/g, '')
  }
}

/** The offset after the quoted string at `at`; after its quote only, if it never closes. */
export function skipQuoted(reader: AddressReader, at: number): number {
  if (reader.isQuoteOpenEnded) return at + 1
  const { text } = reader
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '"') return i + 1
    if (text[i] === '\\') i++
  }
  reader.isQuoteOpenEnded = true
  return at + 1
}

function readQuoted(reader: AddressReader): string {
  const start = reader.at
  reader.at = skipQuoted(reader, start)
  return reader.text.slice(start + 1, reader.at - 1).replace(/\\([\s\S])/g, '$1')
}

function skipSpaceAndComments(reader: AddressReader): boolean {
  const start = reader.at
  readPattern(reader, whiteSpace)
  while (reader.text[reader.at] === '(') {
    const end = skipComment(reader.text, reader.at)
    const closedEnd = reader.text[end - 1] === ')' ? end - 1 : end
    reader.comment =
      reader.text
        .slice(reader.at + 1, closedEnd)
        .replace(/\\([\s\S])/g, '$1')
        .trim() || null
    reader.at = end
    readPattern(reader, whiteSpace)
  }
  return reader.at > start
}

function readPattern(reader: AddressReader, pattern: RegExp): string {
  pattern.lastIndex = reader.at
  const text = pattern.exec(reader.text)?.[0] ?? ''
  reader.at += text.length
  return text
}
