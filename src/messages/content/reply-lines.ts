/** Tells the author's own lines of a message from quotes, what introduces them, and signatures. One pass. */
import type { LineMark } from './html-lines.ts'
import { isHeaderBlock, isQuoteTitle } from './quote-headers.ts'
import { findIntro } from './quote-intros.ts'
import {
  isDeviceLine,
  isListFooter,
  isSignatureDelimiter,
  looseSignatureLinesMax,
} from './signature-lines.ts'

export type ReplyLine = { text: string; mark: LineMark; isBelowRule: boolean }

export type LineKind = 'own' | 'quote' | 'signature'

/** What each line is. */
export function kindsOfLines(lines: readonly ReplyLine[]): LineKind[] {
  const texts = lines.map(({ text }) => text)
  const kinds: LineKind[] = []
  while (kinds.length < lines.length) {
    const at = kinds.length
    const line = lines[at]
    if (line === undefined) break
    const found = kindAt(lines, texts, at, kinds)
    for (let count = 0; count < found.lines; count += 1) kinds.push(found.kind)
  }
  return kinds
}

type Found = { kind: LineKind; lines: number }

function kindAt(
  lines: readonly ReplyLine[],
  texts: readonly string[],
  at: number,
  before: readonly LineKind[],
): Found {
  const line = lines[at]
  if (line === undefined || line.mark === 'quote' || line.mark === 'intro') return { kind: 'quote', lines: 1 }
  if (line.mark === 'signature') return { kind: 'signature', lines: 1 }
  if (line.mark === 'bare-quote') return { kind: isIntroduced(lines, at, before) ? 'quote' : 'own', lines: 1 }
  if (line.text.trim() === '') return { kind: 'own', lines: 1 }
  const everything: Found = { kind: 'quote', lines: lines.length - at }
  if (isReplyAbove(line.text)) {
    if (isNothingAbove(lines, at, before)) return { kind: 'quote', lines: 1 }
    return everything
  }
  if (isQuoteTitle(line.text) || isHeaderBlock(texts, at, line.isBelowRule) || isOutlookRule(texts, at)) {
    const quote = quoteBelowHeaders(lines, at)
    return quote === null ? everything : { kind: 'quote', lines: quote - at }
  }
  const intro = findIntro(texts, at)
  if (intro !== null && isOwn(lines, at, intro.lines)) {
    const next = nextWithText(lines, at + intro.lines)
    const mark = lines[next]?.mark
    if (mark === 'quote' || mark === 'bare-quote') return { kind: 'quote', lines: intro.lines }
    if (intro.strength === 'sure' && isParagraph(lines, at)) return everything
  }
  return signatureAt(lines, texts, at) ?? { kind: 'own', lines: 1 }
}

function signatureAt(lines: readonly ReplyLine[], texts: readonly string[], at: number): Found | null {
  const text = texts[at] ?? ''
  if (isDeviceLine(text)) return { kind: 'signature', lines: 1 }
  if (isListFooter(texts, at)) return { kind: 'signature', lines: lines.length - at }
  if (!isSignatureDelimiter(text)) return null
  let end = at + 1
  let withText = 0
  while (end < lines.length && lines[end]?.mark === 'own') {
    const below = texts[end] ?? ''
    if (below.trim() !== '') {
      if (
        isQuoteTitle(below) ||
        isHeaderBlock(texts, end, lines[end]?.isBelowRule ?? false) ||
        isOutlookRule(texts, end)
      )
        break
      if (findIntro(texts, end) !== null) break
      withText += 1
    }
    end += 1
  }
  return text === '-- ' || withText <= looseSignatureLinesMax ? { kind: 'signature', lines: end - at } : null
}

/** Help desks write it above what they quote; in their own mail it is the first line. */
function isReplyAbove(text: string): boolean {
  if (text.length > 160) return false
  return /^\W{0,8}(?:please )?(?:type|write|add|enter)? ?(?:your )?reply (?:above|over) this line\b/i.test(
    text.trim(),
  )
}

function isOutlookRule(texts: readonly string[], at: number): boolean {
  if (!/^[_-]{10,}$/.test(texts[at]?.trim() ?? '')) return false
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

function isIntroduced(lines: readonly ReplyLine[], at: number, before: readonly LineKind[]): boolean {
  let index = at - 1
  while (index >= 0 && (lines[index]?.text.trim() === '' || lines[index]?.mark === 'bare-quote')) index -= 1
  return index >= 0 && before[index] === 'quote'
}

function isNothingAbove(lines: readonly ReplyLine[], at: number, before: readonly LineKind[]): boolean {
  for (let index = at - 1; index >= 0; index -= 1)
    if (before[index] === 'own' && lines[index]?.text.trim() !== '') return false
  return true
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
