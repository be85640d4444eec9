/**
 * The text that a reader sees of HTML, for previews: tags, comments and what is never shown are left out, entities
 * become characters. It makes no document of it, and one pass over the characters is all it takes, whatever they are.
 */

/** Elements whose content is not shown, or not as text. */
const unshown: ReadonlySet<string> = new Set([
  'head',
  'iframe',
  'math',
  'noembed',
  'noframes',
  'object',
  'script',
  'select',
  'style',
  'svg',
  'template',
  'textarea',
  'title',
  'xml',
])
/** Elements that stand within a line: any other ends a word. */
const inline: ReadonlySet<string> = new Set(
  'a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr'.split(
    ' ',
  ),
)

/** `quotes`: whether quoted text (blockquote) is left in. Lines end where blocks do. */
export function htmlToText(html: string, options: { quotes: boolean }): string {
  const pieces: string[] = []
  let quoteDepth = 0
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    const end = open === -1 ? html.length : open
    if (end > at && (options.quotes || quoteDepth === 0)) pieces.push(decodeEntities(html.slice(at, end)))
    if (open === -1) break
    const tag = readTag(html, open)
    if (tag === null) {
      pieces.push('<')
      at = open + 1
      continue
    }
    at = tag.end
    if (!inline.has(tag.name)) pieces.push('\n')
    if (tag.name === 'blockquote') quoteDepth = Math.max(0, quoteDepth + (tag.closes ? -1 : 1))
    if (unshown.has(tag.name) && !tag.closes && !tag.isEmpty) at = afterElement(html, at, tag.name)
  }
  return pieces.join('')
}

type Tag = { name: string; closes: boolean; isEmpty: boolean; end: number }

const tagStart = /<(\/?)([a-z][a-z0-9:-]{0,30})/iy

/** null for a `<` that begins no markup. */
function readTag(html: string, at: number): Tag | null {
  if (html.startsWith('<!--', at)) {
    const close = html.indexOf('-->', at + 4)
    return { name: 'wbr', closes: false, isEmpty: true, end: close === -1 ? html.length : close + 3 }
  }
  const after = html[at + 1]
  if (after === '!' || after === '?') {
    const close = html.indexOf('>', at)
    return { name: 'wbr', closes: false, isEmpty: true, end: close === -1 ? html.length : close + 1 }
  }
  tagStart.lastIndex = at
  const found = tagStart.exec(html)
  if (found === null) return null
  const end = tagEnd(html, tagStart.lastIndex)
  const isEmpty = html[end - 2] === '/'
  return { name: (found[2] ?? '').toLowerCase(), closes: found[1] === '/', isEmpty, end }
}

/** A longer tag ends at the first `>`, also within quotes: a bound for what no quote closes. */
const tagCharsMax = 2_048

/** After the `>` of a tag; one within quotes is part of a value. */
function tagEnd(html: string, from: number): number {
  const inside = /^[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>/.exec(html.slice(from, from + tagCharsMax))
  if (inside !== null) return from + inside[0].length
  const close = html.indexOf('>', from)
  return close === -1 ? html.length : close + 1
}

function afterElement(html: string, from: number, name: string): number {
  const close = new RegExp(`</${name}(?=[\\s/>])`, 'ig')
  close.lastIndex = from
  const found = close.exec(html)
  return found === null ? html.length : tagEnd(html, close.lastIndex)
}

// U+00A0 to U+00FF in their order, HTML 4.01 §24.2.
const latin1Names = (
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro ' +
  'para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil ' +
  'Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave ' +
  'Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml ' +
  'igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute ' +
  'thorn yuml'
).split(' ')

const named = new Map<string, string>([
  ...latin1Names.map((name, index): [string, string] => [name, String.fromCharCode(0xa0 + index)]),
  ...Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    bull: '\u2022',
    hellip: '\u2026',
    ndash: '\u2013',
    mdash: '\u2014',
    lsquo: '\u2018',
    rsquo: '\u2019',
    sbquo: '\u201a',
    ldquo: '\u201c',
    rdquo: '\u201d',
    bdquo: '\u201e',
    lsaquo: '\u2039',
    rsaquo: '\u203a',
    euro: '\u20ac',
    trade: '\u2122',
    larr: '\u2190',
    rarr: '\u2192',
    ensp: ' ',
    emsp: ' ',
    thinsp: ' ',
    zwnj: '\u200c',
    zwj: '\u200d',
  }),
])

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,7}));?/gi,
    (whole, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
      if (name !== undefined) return named.get(name) ?? whole
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
      return isCharacter ? String.fromCodePoint(code) : '\ufffd'
    },
  )
}
