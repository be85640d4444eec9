/** What the author of a message wrote new in it: without quotes, what introduces them, and signatures. */
import { withoutHiddenElements } from './hidden-elements.ts'
import { readHtmlLines } from './html-lines.ts'
import { kindsOfLines, type LineKind, type ReplyLine } from './reply-lines.ts'

export type Reply = {
  /** The author's own lines in their order; empty when nothing was added; null when the message has no text at all. */
  text: string | null
  /** What was left out as quoted, with what introduces it. */
  quoted: string | null
  signature: string | null
}

/** What is looked at: a read of a hostile message must not hold up a node for longer than this takes. */
const textCharsMax = 256 * 1024
const htmlCharsMax = 512 * 1024

/**
 * Of a message's plain text and HTML as `readContent` gives them, of each its beginning; it takes time in proportion to
 * their length. A message that answers nothing is returned whole, but for its signature. Of answers between quoted lines the
 * author's lines remain; of a forwarded message the comment above it. What the HTML hides from people is none of it.
 *
 * Where both texts are there, the one with the clearer marks decides: the plain text, unless it is empty or only the HTML
 * shows a quote or, with quotes in both or in neither, only the HTML shows a signature.
 */
export function replyOf(content: { text: string | null; html: string | null }): Reply {
  const text = content.text?.slice(0, textCharsMax) ?? null
  const html = content.html?.slice(0, htmlCharsMax) ?? null
  const plain = text === null ? null : partsOf(plainLines(text))
  if (html === null || html === '') return asReply(plain, text?.length ?? 0)
  if (plain?.hasQuote && plain.hasSignature) return asReply(plain, text?.length ?? 0)
  const rich = partsOf(readHtmlLines(withoutHiddenElements(html).html))
  return isClearer(rich, plain) ? asReply(rich, html.length) : asReply(plain, text?.length ?? 0)
}

type Parts = { own: string; quoted: string; signature: string; hasQuote: boolean; hasSignature: boolean }

function isClearer(rich: Parts, plain: Parts | null): boolean {
  if (plain === null) return true
  if (isEmpty(rich)) return false
  if (isEmpty(plain)) return true
  if (rich.hasQuote !== plain.hasQuote) return rich.hasQuote
  return rich.hasSignature && !plain.hasSignature
}

function isEmpty({ own, quoted, signature }: Parts): boolean {
  return own === '' && quoted === '' && signature === ''
}

/** Quoted by `>` as RFC 3676 §4.5 and older mail have it; programs put up to three spaces before it. */
function plainLines(text: string): ReplyLine[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => ({ text: line, mark: isQuoted(line) ? 'quote' : 'own', isBelowRule: false }))
}

function isQuoted(line: string): boolean {
  const at = line.indexOf('>')
  return at !== -1 && at <= 3 && line.slice(0, at).trim() === ''
}

function partsOf(lines: readonly ReplyLine[]): Parts {
  const kinds = kindsOfLines(lines)
  return {
    own: textOf(lines, kinds, 'own'),
    quoted: textOf(lines, kinds, 'quote'),
    signature: textOf(lines, kinds, 'signature'),
    hasQuote: kinds.includes('quote'),
    hasSignature: kinds.includes('signature'),
  }
}

/** The lines of a kind; where others stood between them they are apart by one empty line. */
function textOf(lines: readonly ReplyLine[], kinds: readonly LineKind[], kind: LineKind): string {
  const kept: string[] = []
  let isCut = false
  lines.forEach(({ text }, index) => {
    if (kinds[index] !== kind) {
      isCut = true
      return
    }
    const line = text.trimEnd()
    if (line === '' && (isCut || kept.length === 0)) return
    if (isCut && kept.length > 0 && kept.at(-1) !== '') kept.push('')
    isCut = false
    kept.push(line)
  })
  while (kept.at(-1) === '') kept.pop()
  return kept.join('\n')
}

/** Never longer than what it is of, which points and addresses of short markup could make it. */
function asReply(parts: Parts | null, charsMax: number): Reply {
  if (parts === null) return { text: null, quoted: null, signature: null }
  const bounded = (text: string): string => text.slice(0, charsMax).toWellFormed()
  return {
    text: bounded(parts.own),
    quoted: parts.quoted === '' ? null : bounded(parts.quoted),
    signature: parts.signature === '' ? null : bounded(parts.signature),
  }
}
