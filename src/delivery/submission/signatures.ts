/** The signature of a mailbox, put below what a program writes where the mailbox asks for that. */
import type { Mailbox } from '../../mailboxes/tables.ts'
import { escapeHtml, safeHtml } from '../../messages/content/safe-html.ts'
import { appendHtml } from './quote.ts'

export type SignedTexts = { text: string | null; html: string | null }

/** RFC 3676 §4.3: what is below this line is a signature. */
const separator = '-- \n'

/**
 * Each text with the signature of its kind. HTML without one of its own gets the plain one; a message without any text
 * gets none.
 */
export function withSignature(
  {
    signature_enabled: isEnabled,
    signature_text: plain,
    signature_html: rich,
  }: Pick<Mailbox, 'signature_enabled' | 'signature_text' | 'signature_html'>,
  { text, html }: SignedTexts,
): SignedTexts {
  if (!isEnabled) return { text, html }
  const below = (rich === null ? null : safeSignature(rich)) ?? (plain === null ? null : asHtml(plain))
  return {
    text: text === null || plain === null ? text : `${text.replace(/\n*$/, '\n\n')}${separator}${plain}`,
    html: html === null || below === null ? html : appendHtml(html, `<div>${below}</div>`),
  }
}

/** Only what formats text, and pictures over HTTPS. @returns null when it cannot be read. */
export function safeSignature(html: string): string | null {
  return safeHtml(html, { contentId: () => null, httpsPictures: true })
}

function asHtml(text: string): string {
  return escapeHtml(text).replace(/\r?\n/g, '<br>')
}
