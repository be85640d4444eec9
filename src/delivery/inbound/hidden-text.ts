/** Text that HTML hides from people and shows to programs: filters and assistants read what nobody sees. */
import { withoutHiddenElements } from '../../messages/content/hidden-elements.ts'
import { styleHides, textSizeOf } from '../../messages/content/hidden-style.ts'

const tag = /<([a-z][a-z0-9]{0,20})\b([^<>]{0,4000})>/gi
/** Elements that show nothing anyway. */
const silent: ReadonlySet<string> = new Set([
  'img',
  'br',
  'hr',
  'input',
  'meta',
  'link',
  'style',
  'script',
  'title',
])
/** Characters of an element's content that are looked at. */
const contentCharsMax = 4000
/** Elements that are looked into. */
const elementsMax = 200

/** @param html what is known of the part; it may end anywhere. Looks at styles of elements, not at style sheets. */
export function hidesText(html: string): boolean {
  let looked = 0
  for (const match of html.matchAll(tag)) {
    const [whole, tagName = '', attributes = ''] = match
    const name = tagName.toLowerCase()
    const style = styleOf(attributes)
    const isHidden = hasHiddenAttribute(attributes) || styleHides(style, name)
    if (silent.has(name) || (!isHidden && textSizeOf(style) !== 0)) continue
    const content = contentOf(html, match.index + whole.length, name)
    if (hasWords(content) && (isHidden || hasTinyText(content))) return true
    looked += 1
    if (looked >= elementsMax) return false
  }
  return false
}

function hasHiddenAttribute(attributes: string): boolean {
  return /(?:^|\s)hidden(?:\s|=|\/|$)/i.test(attributes.replace(/"[^"]*"|'[^']*'/g, '""'))
}

function styleOf(attributes: string): string {
  const style = /\bstyle\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))/i.exec(attributes)
  return style?.[1] ?? style?.[2] ?? style?.[3] ?? ''
}

/** Layouts give a cell a font of no size against gaps, and the text in it a size of its own: that is seen. */
function hasTinyText(content: string): boolean {
  return withoutHiddenElements(`<div style="font-size:0">${content}`).removed > 0
}

/** Up to the first end tag of the name: of nested ones the beginning is enough. */
function contentOf(html: string, start: number, name: string): string {
  const content = html.slice(start, start + contentCharsMax)
  const end = content.toLowerCase().indexOf(`</${name.toLowerCase()}`)
  return end < 0 ? content : content.slice(0, end)
}

function hasWords(content: string): boolean {
  const text = content.replace(/<[^<>]*>?/g, ' ').replace(/&#?\w{1,10};?/g, ' ')
  return /[\p{L}\p{N}]{2}/u.test(text)
}
