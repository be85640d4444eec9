/**
 * HTML of a stranger made harmless, for being shown inside HTML of our own (a quote, a forward): only elements, attributes
 * and styles that format text get through. What runs, loads, submits or covers something does not, whatever it is called.
 */
import { Parser } from 'htmlparser2'
import { safeStyle } from './safe-style.ts'

export type SafeHtmlOptions = {
  /** What stands for the Content-ID of a picture, or null where the picture is left out. */
  contentId: (id: string) => string | null
  /** Whether pictures may be loaded over HTTPS: of HTML that its own author shows to others. Default: no. */
  httpsPictures?: boolean
}

/** Open elements in one another; the parser looks through all of them at an end tag, and deeper HTML is no person's. */
const depthMax = 256
/** Read at once: so much a document that is too deep can cost. */
const pieceChars = 16 * 1024

/** Nothing of these is shown, nor what they have inside. Not of `head`: its end tag may be left out (HTML §13.1.2.4). */
const dropped: ReadonlySet<string> = new Set(
  `applet audio button canvas datalist dialog embed frame frameset iframe input link map math meta meter noembed noframes
  noscript object optgroup option output param picture plaintext portal progress script select slot source style svg
  template textarea title track video xml xmp`.split(/\s+/),
)

/** Of every other element only the content gets through. */
const allowed: ReadonlySet<string> = new Set(
  `a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em
  figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q rp rt ruby s samp section
  small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr`.split(/\s+/),
)

const emptyElements: ReadonlySet<string> = new Set(['br', 'col', 'hr', 'img', 'wbr'])

/** Values are checked: these are words and numbers, and nothing that is loaded. */
const plainAttributes: ReadonlySet<string> = new Set(
  `align alt bgcolor border cellpadding cellspacing color colspan dir face height lang nowrap rowspan size span start title
  type valign width`.split(/\s+/),
)

const attributeCharsMax = 2_000

/** @returns null when it is too deep to be read. */
export function safeHtml(html: string, options: SafeHtmlOptions): string | null {
  const pieces: string[] = []
  const open: string[] = []
  let droppedAt: number | null = null
  let isTooDeep = false
  const parser = new Parser({
    onopentag(name, attributes) {
      open.push(name)
      if (open.length > depthMax) isTooDeep = true
      if (droppedAt !== null) return
      if (dropped.has(name)) droppedAt = open.length
      else if (allowed.has(name)) pieces.push(openTag(name, attributes, options))
    },
    ontext(text) {
      if (droppedAt === null) pieces.push(escapeHtml(text))
    },
    onclosetag(name) {
      if (open.at(-1) !== name) return // a tag that breaks off at the end was never opened
      if (droppedAt === null && allowed.has(name) && !emptyElements.has(name)) pieces.push(`</${name}>`)
      if (droppedAt === open.length) droppedAt = null
      open.pop()
    },
  })
  for (let at = 0; at < html.length && !isTooDeep; at += pieceChars) {
    parser.write(html.slice(at, at + pieceChars))
  }
  if (isTooDeep) return null
  parser.end()
  return pieces.join('')
}

/** Text as it may stand in HTML, also between quotes of an attribute. */
export function escapeHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
}

function openTag(
  name: string,
  attributes: Readonly<Record<string, string>>,
  { contentId, httpsPictures = false }: SafeHtmlOptions,
): string {
  const kept = Object.entries(attributes).flatMap(([key, value]): [string, string][] => {
    if (value.length > attributeCharsMax) return []
    if (plainAttributes.has(key)) return [[key, value]]
    if (key === 'style') {
      const style = safeStyle(value)
      return style === '' ? [] : [[key, style]]
    }
    if (name === 'a' && key === 'href') return isHarmlessLink(value) ? [[key, value.trim()]] : []
    return []
  })
  if (name === 'a' && kept.some(([key]) => key === 'href')) kept.push(['rel', 'noopener noreferrer'])
  if (name === 'blockquote' && attributes['type'] === 'cite') kept.push(['type', 'cite'])
  if (name === 'img') {
    const source = attributes['src']?.trim() ?? ''
    const id = contentId(contentIdOf(source))
    if (id !== null) kept.push(['src', `cid:${id}`])
    else if (httpsPictures && /^https:\/\/[^\p{Cc}\s]{1,2000}$/iu.test(source)) kept.push(['src', source])
    else return escapeHtml(attributes['alt'] ?? '') // a picture from elsewhere would tell its sender who reads
  }
  const unique = new Map(kept)
  return `<${name}${[...unique].map(([key, value]) => ` ${key}="${escapeHtml(value)}"`).join('')}>`
}

/** Empty for what is no `cid:` (RFC 2392). */
function contentIdOf(source: string): string {
  const encoded = /^\s*cid:(.{1,500})$/is.exec(source)?.[1]?.trim() ?? ''
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

// Browsers pass over white space and controls inside a scheme: what has any before the colon is no link here.
const harmlessLink = /^\s*(?:https?:\/\/|mailto:|tel:)[^\p{Cc}]+$/iu

function isHarmlessLink(href: string): boolean {
  return harmlessLink.test(href)
}
