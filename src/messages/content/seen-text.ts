/** The text of HTML as a person sees it: without markup, and without what is hidden from people and shown to programs. */
import { htmlToText } from '../mime/html-text.ts'
import { withoutHiddenElements } from './hidden-elements.ts'

/** Quotes included. Lines end where blocks do. */
export function seenText(html: string): string {
  return htmlToText(withoutHiddenElements(html).html, { quotes: true })
}
