/**
 * What mail programs say of their HTML by elements, classes, ids and styles: where a quote is, who introduces it, what is a
 * signature. One row for a program's habit.
 */
import type { Attributes } from './html-tokens.ts'

export type ElementSays =
  | 'quote'
  /** A quote when something introduces it, else the author's own. */
  | 'bare-quote'
  | 'intro'
  /** What stands in it above its first quote introduces that quote, or a forwarded message. */
  | 'introduces-quote'
  | 'signature'
  /** All that follows in the message is quoted. */
  | 'everything-below'
  /** A line is drawn above it. */
  | 'rule'

const byClass: ReadonlyMap<string, ElementSays> = new Map<string, ElementSays>([
  ['gmail_quote', 'introduces-quote'],
  ['gmail_attr', 'intro'],
  ['gmail_signature', 'signature'],
  ['gmail_signature_prefix', 'signature'],
  ['moz-cite-prefix', 'intro'],
  ['moz-email-headers-table', 'quote'],
  ['moz-forward-container', 'everything-below'],
  ['moz-signature', 'signature'],
  ['moz-txt-sig', 'signature'],
  ['-x-evo-signature', 'signature'],
  ['-x-evo-paragraph-quote', 'quote'],
  ['yahoo_quoted', 'quote'],
  ['ymail_android_signature', 'signature'],
  ['protonmail_quote', 'introduces-quote'],
  ['protonmail_signature_block', 'signature'],
  ['zmail_extra', 'introduces-quote'],
  ['zmail_signature', 'signature'],
  ['ms-outlook-mobile-reference-message', 'everything-below'],
  ['ms-outlook-mobile-signature', 'signature'],
  ['outlookmessageheader', 'everything-below'],
  ['front-signature', 'signature'],
  ['sh-signature', 'signature'],
  ['missive_quote', 'quote'],
  ['bloop_original_html', 'quote'],
  ['bloop_sign', 'signature'],
  ['hse-signature', 'signature'],
  ['mimestream-signature', 'signature'],
  ['tutanota_quote', 'quote'],
  ['freshdesk_quote', 'quote'],
  ['helpscout-signature', 'signature'],
  ['qmbox', 'quote'],
  ['ntes-mailmaster-quote', 'quote'],
  ['alimail-quote', 'everything-below'],
])

const byId: ReadonlyMap<string, ElementSays> = new Map<string, ElementSays>([
  ['divrplyfwdmsg', 'everything-below'],
  ['appendonsend', 'everything-below'],
  ['mail-editor-reference-message-container', 'everything-below'],
  ['orimsghtmlseperator', 'everything-below'],
  ['signature', 'signature'],
  ['ms-outlook-mobile-signature', 'signature'],
  ['applemailsignature', 'signature'],
  ['applemailsignaturelinebreakatbeginning', 'signature'],
  ['composer_signature', 'signature'],
  ['ymail_android_signature', 'signature'],
  ['isforwardcontent', 'quote'],
  ['isreplycontent', 'everything-below'],
  ['reply-intro', 'intro'],
  ['zwchr', 'everything-below'],
  ['quoted_header', 'quote'],
  ['yahoo_quoted', 'quote'],
])

/** Spark and GMX name the sections of a message. */
const byName: ReadonlyMap<string, ElementSays> = new Map<string, ElementSays>([
  ['messagereplysection', 'introduces-quote'],
  ['messagesignaturesection', 'signature'],
  ['quote', 'quote'],
])

export function markOfElement(name: string, attributes: Attributes): ElementSays | null {
  const style = (attributes.get('style') ?? '').toLowerCase()
  if (name === 'blockquote') return quoteOfBlock(attributes, style)
  const id = (attributes.get('id') ?? '').toLowerCase()
  const said =
    byId.get(id) ??
    saidByClass(attributes) ??
    (name === 'div' ? byName.get((attributes.get('name') ?? '').toLowerCase()) : undefined)
  if (said !== undefined) return said
  // Zoho numbers its ids: Zm-_Id_-Sgn1; Yahoo adds digits: yahoo_quoted_1234.
  if (id.startsWith('zm-_id_-sgn')) return 'signature'
  if (id.startsWith('yahoo_quoted')) return 'quote'
  if (name !== 'div') return null
  if (drawsLineAbove(style)) return 'rule'
  return drawsLineAtLeft(style) ? 'bare-quote' : null
}

function saidByClass(attributes: Attributes): ElementSays | undefined {
  for (const name of (attributes.get('class') ?? '').toLowerCase().split(/\s+/, 20)) {
    const says = byClass.get(name)
    if (says !== undefined) return says
  }
  return undefined
}

/** Gmail and others indent by a block quote without a border, which is no quote. */
function quoteOfBlock(attributes: Attributes, style: string): ElementSays | null {
  if (attributes.has('cite') || attributes.get('type')?.toLowerCase() === 'cite') return 'quote'
  if (
    /gmail_quote|protonmail_quote|zmail_|front-blockquote|spark_quote|quote|cite/i.test(
      attributes.get('class') ?? '',
    )
  )
    return 'quote'
  if (drawsLineAtLeft(style)) return 'quote'
  if (/border:\s*(?:none|0)/.test(style)) return null
  return 'bare-quote'
}

function drawsLineAtLeft(style: string): boolean {
  return /border-left(?:-width|-style)?:\s*(?!none|0|\s)/.test(style)
}

/** Outlook's `border:none;border-top:solid #E1E1E1 1.0pt` above the headers of the message that is answered. */
function drawsLineAbove(style: string): boolean {
  return /border-top:\s*(?!none|0|\s)\S/.test(style) && !/border-bottom:\s*(?!none|0|\s)\S/.test(style)
}
