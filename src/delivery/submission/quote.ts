/** The original inside a reply or a forward: in text and in HTML, as readers of mail know it. */

import { withoutHiddenElements } from '../../messages/content/hidden-elements.ts'
import { readableText } from '../../messages/content/html-readable.ts'
import { escapeHtml, safeHtml } from '../../messages/content/safe-html.ts'
import { dateTime } from '../trace.ts'
import type { Person } from './compose.ts'
import type { Original } from './original.ts'

/** Of the original's text or HTML: a longer one is cut, and says so. */
const quotedCharsMax = 500_000
const cutMark = '[…]'

/** `contentIdOf` as safeHtml has it: the pictures that are carried along. */
export type QuoteOptions = { contentIdOf: (id: string) => string | null }

/** Below what the caller wrote. */
export function textReplyQuote(original: Original): string {
  const lines = plainText(original).split('\n')
  const quoted = lines.map((line) => (line === '' || line.startsWith('>') ? `>${line}` : `> ${line}`))
  return `${attribution(original)}\n${quoted.join('\n')}\n`
}

export function htmlReplyQuote(original: Original, options: QuoteOptions): string {
  const head = `<div>${escapeHtml(attribution(original))}</div>`
  const style = 'margin: 0 0 0 0.8ex; border-left: 1px solid #ccc; padding-left: 1ex'
  return `${head}<blockquote type="cite" style="${style}">${htmlOf(original, options)}</blockquote>`
}

export function textForward(original: Original): string {
  const head = headerBlock(original).map(([name, value]) => `${name}: ${value}`)
  return `---------- Forwarded message ----------\n${head.join('\n')}\n\n${plainText(original)}\n`
}

export function htmlForward(original: Original, options: QuoteOptions): string {
  const head = headerBlock(original).map(([name, value]) => `<b>${name}:</b> ${escapeHtml(value)}`)
  return `<div>---------- Forwarded message ----------<br>${head.join('<br>')}</div><br><div>${htmlOf(original, options)}</div>`
}

/** HTML of the caller with something of ours at its end, inside its body where it has one. */
export function appendHtml(html: string, more: string): string {
  let end = -1
  for (const { index } of html.matchAll(/<\/body/gi)) end = index
  return end < 0 ? `${html}<br>${more}` : `${html.slice(0, end)}<br>${more}${html.slice(end)}`
}

function attribution({ from: [author], message }: Original): string {
  const who = author === undefined ? 'someone' : personText(author)
  return `On ${dateTime(message.internalDate)}, ${who} wrote:`
}

function headerBlock({ from, to, cc, subject, message }: Original): [name: string, value: string][] {
  const people = (list: readonly Person[]): string => list.map(personText).join(', ').slice(0, 2_000)
  return [
    ['From', people(from)],
    ['Date', dateTime(message.internalDate)],
    ['Subject', subject.replace(/[\p{Cc}\s]+/gu, ' ')],
    ['To', people(to)],
    ...(cc.length === 0 ? [] : [['Cc', people(cc)] satisfies [string, string]]),
  ]
}

function personText({ address, name }: Person): string {
  return name === null ? address : `${name} <${address}>`
}

function plainText({ content }: Original): string {
  const text = content.text ?? readableText(seenHtml(content.html ?? ''))
  const isCut =
    Math.max(text.length, content.text === null ? (content.html?.length ?? 0) : 0) > quotedCharsMax
  const lines = text.slice(0, quotedCharsMax).replace(/\r\n?/g, '\n').trimEnd().toWellFormed()
  return isCut || content.isTruncated ? `${lines}\n${cutMark}` : lines
}

function htmlOf(original: Original, { contentIdOf }: QuoteOptions): string {
  const { html } = original.content
  const safe = html === null ? null : safeHtml(seenHtml(html), { contentId: contentIdOf })
  if (safe === null) return `<div style="white-space: pre-wrap">${escapeHtml(plainText(original))}</div>`
  return html !== null && html.length > quotedCharsMax ? `${safe}<p>${cutMark}</p>` : safe
}

/** What the HTML hides from people is not quoted: without its styles it would be seen. */
function seenHtml(html: string): string {
  return withoutHiddenElements(html.slice(0, quotedCharsMax)).html
}
