/** Tells the author's own lines of a message from quotes, what introduces them, and signatures. One pass. */
import type { LineMark } from './html-lines.ts'
import { isHeaderBlock, isQuoteTitle } from './quote-headers.ts'
import { findIntro, hasIntroAndQuote } from './quote-intros.ts'
import {
  isDeviceLine,
  isListFooter,
  isSignatureDelimiter,
  looseSignatureLinesMax,
} from './signature-lines.ts'

export type ReplyLine = { text: string; mark: LineMark; isBelowRule: boolean }

export type LineKind = 'own' | 'quote' | 'signature'

/** Nobody writes more lines by hand: below them only what is marked counts. */
const examinedLinesMax = 5_000

type Reading = {
  lines: readonly ReplyLine[]
  texts: readonly string[]
  /** Of the lines so far. */
  kinds: LineKind[]
  /** The author has written something in them. */
  hasOwn: boolean
}

type Found = { kind: LineKind; lines: number }

/** What each line is. */
export function kindsOfLines(lines: readonly ReplyLine[]): LineKind[] {
  const kinds: LineKind[] = []
  const reading: Reading = { lines, texts: lines.map(({ text }) => text), kinds, hasOwn: false }
  for (const line of lines) {
    if (kinds.length >= lines.length) break
    const at = kinds.length
    const here = lines[at] ?? line
    const found = at < examinedLinesMax && here.mark !== 'quote' ? kindAt(reading, at) : null
    if (found === null) {
      kinds.push(kindByMark(here))
      continue
    }
    if (found.kind === 'own' && lines[at]?.text.trim() !== '') reading.hasOwn = true
    for (let count = 0; count < found.lines; count += 1) kinds.push(found.kind)
  }
  return kinds
}

function kindByMark({ mark }: ReplyLine): LineKind {
  if (mark === 'signature') return 'signature'
  return mark === 'quote' || mark === 'intro' ? 'quote' : 'own'
}

function kindAt(reading: Reading, at: number): Found | null {
  const { lines, texts } = reading
  const line = lines[at]
  if (line === undefined) return null
  if (line.mark === 'bare-quote') return bareQuoteAt(reading, at)
  if (line.mark !== 'own' || line.text.trim() === '') return { kind: kindByMark(line), lines: 1 }
  const everything: Found = { kind: 'quote', lines: lines.length - at }
  if (isReplyAbove(line.text)) return reading.hasOwn ? everything : { kind: 'quote', lines: 1 }
  if (isHeading(reading, at)) {
    const quote = quoteBelowHeaders(lines, at)
    return quote === null ? everything : { kind: 'quote', lines: quote - at }
  }
  const intro = findIntro(texts, at)
  if (intro !== null && isOwn(lines, at, intro.lines)) {
    const mark = lines[nextWithText(lines, at + intro.lines)]?.mark
    if (mark === 'quote' || mark === 'bare-quote') return { kind: 'quote', lines: intro.lines }
    if (intro.strength === 'sure' && isParagraph(lines, at)) return everything
  }
  if (hasIntroAndQuote(line.text) && isParagraph(lines, at)) return everything
  return signatureAt(reading, at) ?? { kind: 'own', lines: 1 }
}

/** A quote if it is introduced above it or by its first lines. */
function bareQuoteAt({ lines, texts, kinds }: Reading, at: number): Found {
  let above = at - 1
  while (above >= 0 && lines[above]?.text.trim() === '' && lines[above]?.mark !== 'bare-quote') above -= 1
  if (kinds[above] === 'quote') return { kind: 'quote', lines: 1 }
  const isFirst = lines[above]?.mark !== 'bare-quote'
  const intro = isFirst ? findIntro(texts, at) : null
  if (intro !== null) return { kind: 'quote', lines: intro.lines }
  return { kind: isFirst && isQuoteTitle(lines[at]?.text ?? '') ? 'quote' : 'own', lines: 1 }
}

/** The headers of a quoted message, or what stands above them. */
function isHeading({ lines, texts }: Reading, at: number): boolean {
  const line = lines[at]
  if (line === undefined) return false
  return isQuoteTitle(line.text) || isHeaderBlock(texts, at, line.isBelowRule) || isOutlookRule(texts, at)
}

function signatureAt(reading: Reading, at: number): Found | null {
  const { lines, texts } = reading
  const text = texts[at] ?? ''
  if (isDeviceLine(text)) return { kind: 'signature', lines: 1 }
  if (isListFooter(texts, at)) return { kind: 'signature', lines: lines.length - at }
  if (!isSignatureDelimiter(text)) return null
  const linesMax = text === '-- ' ? Number.POSITIVE_INFINITY : looseSignatureLinesMax
  let end = at + 1
  for (let withText = 0; end < lines.length && lines[end]?.mark === 'own'; end += 1) {
    if (texts[end]?.trim() === '') continue
    if (end < examinedLinesMax && (isHeading(reading, end) || findIntro(texts, end) !== null)) break
    withText += 1
    if (withText > linesMax) return null
  }
  return { kind: 'signature', lines: end - at }
}

/** Help desks write it above what they quote; in their own mail it is the first line. */
function isReplyAbove(text: string): boolean {
  if (text.length > 160) return false
  return /^\W{0,8}(?:please )?(?:type|write|add|enter)? ?(?:your )?reply (?:above|over) this line\b/i.test(
    text.trim(),
  )
}

function isOutlookRule(texts: readonly string[], at: number): boolean {
  const text = texts[at] ?? ''
  if (text.length > 200 || !/^\s*[_-]{10,}\s*$/.test(text)) return false
  const next = texts[at + 1]?.trim() === '' ? at + 2 : at + 1
  return isHeaderBlock(texts, next, true)
}

const headersLinesMax = 20

/** Where marked quotes begin right under the headers of a message: then its lines are known, and the author may write on. */
function quoteBelowHeaders(lines: readonly ReplyLine[], at: number): number | null {
  for (let index = at + 1; index < Math.min(lines.length, at + headersLinesMax); index += 1)
    if (lines[index]?.mark === 'quote') return index
  return null
}

function isOwn(lines: readonly ReplyLine[], at: number, count: number): boolean {
  return lines.slice(at, at + count).every(({ mark }) => mark === 'own' || mark === 'intro')
}

function nextWithText(lines: readonly ReplyLine[], from: number): number {
  let index = from
  while (index < lines.length && lines[index]?.text.trim() === '') index += 1
  return index
}

function isParagraph(lines: readonly ReplyLine[], at: number): boolean {
  return at === 0 || lines[at - 1]?.text.trim() === '' || lines[at - 1]?.mark !== 'own'
}
