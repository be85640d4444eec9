/** HTML as text that a person reads, for messages that have no plain text. */
import { readHtmlLines } from './html-lines.ts'

/** Deeper quotes look like these. */
const quoteMarksMax = 3

/**
 * Paragraphs apart by an empty line, items of lists with points or numbers, links with their addresses behind them, quotes
 * with `>`. Scripts, styles and what is hidden are left out. Never longer than the HTML; in time in proportion to it.
 */
export function readableText(html: string): string {
  let depthAbove = 0
  const lines = readHtmlLines(html).map(({ text, quoteDepth }) => {
    // An empty line before a quote is not of the quote.
    const depth = text === '' ? Math.min(depthAbove, quoteDepth) : quoteDepth
    depthAbove = quoteDepth
    return `${'> '.repeat(Math.min(depth, quoteMarksMax))}${text}`.trimEnd()
  })
  while (lines.at(-1) === '') lines.pop()
  return lines.join('\n').slice(0, html.length).toWellFormed()
}
