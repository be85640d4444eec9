/**
 * HTML without the elements that hide their text from people: by attribute, by style, and by a style sheet's simple
 * selectors. For programs that are to read no more than a person sees; it is no cleaning against scripts. One pass.
 */
import { Tokenizer } from 'htmlparser2'
import { styleIsWhite, styleMayHide, withoutComments } from './hidden-style.ts'

/** Of an attribute's value; of a longer style the beginning counts. */
const attributeCharsMax = 4_000
/** Of all style sheets of a message, and their rules. */
const sheetCharsMax = 200_000
const rulesMax = 2_000

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))
const noContent = words(
  'area base basefont br col embed frame hr img input keygen link meta param source track wbr',
)
const blocks = 'p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote table div hr form section article'
/** An element of the first name ends where one of the others begins in it. */
const endedBy: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['p', words(blocks)],
  ['li', words('li')],
  ['td', words('td th tr tbody')],
  ['th', words('td th tr tbody')],
  ['tr', words('tr tbody tfoot')],
])

type Element = { name: string; start: number; attributes: Map<string, string> }

export function withoutHiddenElements(html: string): { html: string; removed: number } {
  const hides = hidingOf(html)
  const kept: string[] = []
  let keptTo = 0
  let removed = 0
  let hidden: { name: string; start: number; depth: number } | null = null

  const cutTo = (end: number): void => {
    if (hidden === null) return
    kept.push(html.slice(keptTo, hidden.start), ' ')
    keptTo = end
    removed += 1
    hidden = null
  }
  const open = (element: Element): void => {
    const { name, start } = element
    if (hidden !== null && hidden.depth === 1 && endedBy.get(hidden.name)?.has(name)) cutTo(start)
    if (noContent.has(name)) return
    if (hidden !== null) {
      if (name === hidden.name) hidden.depth += 1
    } else if (hides(element)) hidden = { name, start, depth: 1 }
  }
  const close = (name: string, end: number): void => {
    if (hidden === null || name !== hidden.name) return
    hidden.depth -= 1
    if (hidden.depth === 0) cutTo(end)
  }
  readTags(html, open, close)
  cutTo(html.length)
  kept.push(html.slice(keptTo))
  return { html: kept.join(''), removed }
}

function readTags(
  html: string,
  open: (element: Element) => void,
  close: (name: string, end: number) => void,
): void {
  let element: Element = { name: '', start: 0, attributes: new Map() }
  let name = ''
  let value = ''
  const ended = (): void => open(element)
  const ignore = (): void => undefined
  const tokenizer = new Tokenizer(
    {},
    {
      onopentagname: (start, end) => {
        element = { name: html.slice(start, end).toLowerCase(), start: start - 1, attributes: new Map() }
      },
      onattribname: (start, end) => {
        name = html.slice(start, Math.min(end, start + attributeCharsMax)).toLowerCase()
        value = ''
      },
      onattribdata: (start, end) => {
        value += html.slice(start, Math.min(end, start + attributeCharsMax - value.length))
      },
      onattribentity: (codePoint) => {
        if (value.length < attributeCharsMax) value += String.fromCodePoint(codePoint)
      },
      onattribend: () => {
        if (['style', 'class', 'id', 'hidden', 'width', 'height', 'color'].includes(name)) {
          if (!element.attributes.has(name)) element.attributes.set(name, value)
        }
      },
      onopentagend: ended,
      onselfclosingtag: ended,
      onclosetag: (start, end) => {
        const bracket = html.indexOf('>', end)
        close(html.slice(start, end).toLowerCase(), bracket === -1 ? html.length : bracket + 1)
      },
      ontext: ignore,
      ontextentity: ignore,
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onprocessinginstruction: ignore,
      onend: ignore,
    },
  )
  tokenizer.write(html)
  tokenizer.end()
}

function hidingOf(html: string): (element: Element) => boolean {
  const selectors = hidingSelectors(html)
  const hasGround = /background|bgcolor/i.test(html)
  return ({ name, attributes }) => {
    if (attributes.has('hidden')) return true
    const style = attributes.get('style') ?? ''
    if (style !== '' && (styleMayHide(style) || (!hasGround && styleIsWhite(style)))) return true
    const color = attributes.get('color') ?? '' // of <font>
    if (!hasGround && color !== '' && styleIsWhite(`color:${color}`)) return true
    if (selectors.size === 0) return false
    const marks = (attributes.get('class') ?? '').split(/\s+/).map((one) => `.${one}`)
    const id = attributes.get('id')
    if (id !== undefined) marks.push(`#${id}`)
    return selectors.has(name) || marks.some((mark) => selectors.has(mark) || selectors.has(`${name}${mark}`))
  }
}

/** The simple selectors (a type, a class or an id) whose rules hide; those of @media are for some screens only. */
function hidingSelectors(html: string): ReadonlySet<string> {
  const selectors = new Set<string>()
  let charsLeft = sheetCharsMax
  let rules = 0
  for (const [, sheet = ''] of html.matchAll(/<style\b[^<>]{0,2000}>(.*?)(?:<\/style|$)/gis)) {
    const text = sheet.slice(0, charsLeft)
    charsLeft -= text.length
    for (const { prelude, block } of rulesOf(withoutComments(text))) {
      rules += 1
      if (rules > rulesMax) return selectors
      if (!styleMayHide(block)) continue
      for (const selector of prelude.split(',')) {
        const simple = /^([a-z][a-z0-9]*)?([.#][\w-]+)?$/i.exec(selector.trim())
        if (simple !== null) selectors.add(`${(simple[1] ?? '').toLowerCase()}${simple[2] ?? ''}`)
      }
    }
  }
  selectors.delete('')
  return selectors
}

/** Rules at the top level of a style sheet. */
function* rulesOf(sheet: string): Generator<{ prelude: string; block: string }, void> {
  let start = 0
  let opened = 0
  let depth = 0
  for (const { 0: brace, index } of sheet.matchAll(/[{}]/g)) {
    if (brace === '{') {
      if (depth === 0) opened = index
      depth += 1
      continue
    }
    depth = Math.max(0, depth - 1)
    if (depth > 0) continue
    const prelude = sheet
      .slice(start, opened)
      .trim()
      .replace(/^(?:<!--|@[^;{]*;|\s)+/, '')
    if (!prelude.startsWith('@')) yield { prelude, block: sheet.slice(opened + 1, index) }
    start = index + 1
    opened = start
  }
}
