/** The text of a message for a model: what people see, cleaned, in a window of characters. */
import { withoutHiddenElements } from '../../messages/content/hidden-elements.ts'
import type { MessageContent } from '../../messages/content/read-content.ts'
import { htmlToText } from '../../messages/mime/html-text.ts'
import { cleanText } from '../clean-text.ts'

export type MessageText = {
  text: string
  /** Where the text was taken from; null: the message has none. */
  source: 'text' | 'html' | null
  hiddenCharacters: number
  hiddenElements: number
}

/** The plain text, or what people see of the HTML where there is none. */
export function textOf({ text, html }: Pick<MessageContent, 'text' | 'html'>): MessageText {
  if (text !== null && (html === null || /\S/.test(text))) {
    return { ...cleanText(text), source: 'text', hiddenElements: 0 }
  }
  if (html === null) return { text: '', source: null, hiddenCharacters: 0, hiddenElements: 0 }
  const visible = withoutHiddenElements(html)
  const cleaned = cleanText(htmlToText(visible.html, { quotes: true }))
  return { ...cleaned, source: 'html', hiddenElements: visible.removed }
}

export type TextWindow = { text: string; total: number; nextOffset: number | null }

/** @param offset in characters (UTF-16 units) of the whole text. */
export function windowOf(text: string, offset: number, charsMax: number): TextWindow {
  const end = Math.min(text.length, offset + charsMax)
  return {
    text: text.slice(offset, end).toWellFormed(),
    total: text.length,
    nextOffset: end < text.length ? end : null,
  }
}
