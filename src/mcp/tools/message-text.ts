/** The text of a message for a model: what people see, cleaned, in a window of characters. */
import { withoutHiddenElements } from '../../messages/content/hidden-elements.ts'
import { readableText } from '../../messages/content/html-readable.ts'
import type { MessageContent } from '../../messages/content/read-content.ts'
import { replyOf } from '../../messages/content/reply-text.ts'
import { cleanText } from '../clean-text.ts'

/** `reply`: only what its author wrote new, without quotes and signatures. */
export type TextForm = 'text' | 'reply'

export type MessageText = {
  text: string
  /** The message has no text at all. */
  isMissing: boolean
  /** It comes from the HTML, since there is no plain text. */
  isFromHtml: boolean
  hiddenCharacters: number
  hiddenElements: number
}

type Texts = Pick<MessageContent, 'text' | 'html'>

/** The plain text, or what people see of the HTML where there is none. */
export function textOf({ text, html }: Texts, form: TextForm = 'text'): MessageText {
  const visible = html === null ? null : withoutHiddenElements(html)
  const isFromHtml = visible !== null && (text === null || !/\S/.test(text))
  const whole = isFromHtml ? readableText(visible.html) : text
  const chosen = form === 'text' ? whole : replyOf({ text, html: visible?.html ?? null }).text
  return {
    ...cleanText(chosen ?? ''),
    isMissing: whole === null,
    isFromHtml,
    hiddenElements: isFromHtml ? visible.removed : 0,
  }
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
