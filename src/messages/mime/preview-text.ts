/**
 * From the text of a message to the few words that stand for it in a list: what its author wrote, without quoted
 * lines, signature, markup and empty space. When nothing else is there, the quoted text.
 */
import { htmlToText } from './html-text.ts'

/** RFC 8970 §3.2 recommends 200 characters and forbids more than 256. */
export const previewCharsMax = 200

/** Characters of a text that are looked at: what its first 200 are shows by then. */
const textCharsMax = 64 * 1024

/** One line of at most `previewCharsMax` characters; empty when the text has none. */
export function previewOfText(text: string, kind: 'plain' | 'html'): string {
  const start = text.slice(0, textCharsMax)
  const own = kind === 'plain' ? withoutQuotes(start) : withoutSignature(htmlToText(start, { quotes: false }))
  const line = oneLine(own)
  if (line !== '') return cut(line)
  return cut(
    oneLine(
      kind === 'plain' ? start.replace(/^[ \t]*(?:>[ \t]?)+/gm, '') : htmlToText(start, { quotes: true }),
    ),
  )
}

function withoutQuotes(text: string): string {
  const lines = withoutSignature(text).split(/\r?\n/)
  return lines.filter((line, at) => !isQuoted(line) && !introducesQuote(lines, at)).join('\n')
}

/** RFC 3676 §4.3: a line of dash, dash, space begins the signature. */
function withoutSignature(text: string): string {
  const found = /(?:^|\n)-- \r?\n/.exec(text)
  return found === null ? text : text.slice(0, found.index)
}

function isQuoted(line: string): boolean {
  return /^[ \t]*>/.test(line)
}

/** "On Monday Ann wrote:", in any language, also over two lines: it ends in a colon and a quote follows. */
function introducesQuote(lines: readonly string[], at: number): boolean {
  const following = nextLine(lines, at + 1)
  if (following === null) return false
  const line = lines[at] ?? ''
  if (isQuoted(lines[following] ?? '')) return /:[ \t]*$/.test(line)
  const second = lines[following] ?? ''
  const afterSecond = nextLine(lines, following + 1)
  return (
    following === at + 1 &&
    line.trim() !== '' &&
    lines[at - 1]?.trim() === '' &&
    /:[ \t]*$/.test(second) &&
    afterSecond !== null &&
    isQuoted(lines[afterSecond] ?? '')
  )
}

/** The next line that is not blank, at most two further. */
function nextLine(lines: readonly string[], from: number): number | null {
  for (let at = from; at < Math.min(lines.length, from + 2); at++) if (lines[at]?.trim() !== '') return at
  return null
}

/** Two or more characters without a width, with or without spaces between them. */
const fillers =
  /(?:(?:\u00ad|\u034f|\u061c|\u115f|\u17b4|\u17b5|\u180e|[\u200b-\u200f\u2060-\u2064\ufeff])[\s\u00a0]*){2,}/g

/**
 * White space and characters without a width, with which senders keep mail programs from showing what follows, become
 * one space; rows of signs that only draw a line do too.
 */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(fillers, ' ')
    .replace(/[\u00ad\u200b\u2060\ufeff]/g, '')
    .replace(/[-=_*~#\u2500-\u257f]{4,}/g, ' ')
    .replace(/[\p{Cc}\s\u00a0\u2800\u3164]+/gu, ' ')
    .trim()
}

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Cuts between characters as a reader sees them; they are counted as code points. */
function cut(line: string): string {
  if (line.length <= previewCharsMax) return line
  let count = 0
  let end = 0
  for (const { segment } of characters.segment(line.slice(0, 2 * previewCharsMax))) {
    count += [...segment].length
    if (count > previewCharsMax) break
    end += segment.length
  }
  return (end === 0 ? [...line].slice(0, previewCharsMax).join('') : line.slice(0, end)).trimEnd()
}
