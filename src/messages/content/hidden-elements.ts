/**
 * HTML without the elements that hide their text from people: by attribute, by style, and by a style sheet's simple
 * selectors. For programs that are to read no more than a person sees; it is no cleaning against scripts. One pass.
 */
import { Tokenizer } from 'htmlparser2'
import { seenPixelsMin, styleIsWhite, styleMayHide, textSizeOf, withoutComments } from './hidden-style.ts'

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

/** What these have inside is no text. */
const silent = words('script style title textarea')
/** Deeper elements count as what is around them. */
const depthMax = 500
/** How far up an end tag looks for its element. */
const closeReach = 64

type Element = { name: string; start: number; attributes: Map<string, string> }

/** An element that is open; `isTiny`: its text is too small to be seen. */
type Open = { name: string; isTiny: boolean; isCounted: boolean }

/** Of an element hidden as a whole nothing stays; of one whose font has no size, what has a size of its own. */
export function withoutHiddenElements(html: string): { html: string; removed: number } {
  const look = lookOf(html)
  const kept: string[] = []
  const stack: Open[] = []
  let keptTo = 0
  let removed = 0
  let hidden: { name: string; start: number; depth: number } | null = null

  const cut = (start: number, end: number): void => {
    kept.push(html.slice(keptTo, start), ' ')
    keptTo = end
  }
  const cutTo = (end: number): void => {
    if (hidden === null) return
    cut(hidden.start, end)
    removed += 1
    hidden = null
  }
  const open = (element: Element): void => {
    const { name, start } = element
    if (hidden !== null && hidden.depth === 1 && endedBy.get(hidden.name)?.has(name)) cutTo(start)
    if (noContent.has(name)) return
    if (hidden !== null) {
      if (name === hidden.name) hidden.depth += 1
      return
    }
    if (endedBy.get(stack.at(-1)?.name ?? '')?.has(name)) stack.pop()
    const { hides, size } = look(element)
    if (hides) hidden = { name, start, depth: 1 }
    else if (stack.length < depthMax) {
      const isTiny = size === null ? (stack.at(-1)?.isTiny ?? false) : size < seenPixelsMin
      stack.push({ name, isTiny: isTiny && !silent.has(name), isCounted: false })
    }
  }
  const close = (name: string, end: number): void => {
    if (hidden === null) {
      closeIn(stack, name)
      return
    }
    if (name !== hidden.name) return
    hidden.depth -= 1
    if (hidden.depth === 0) cutTo(end)
  }
  const text = (start: number, end: number, shown: string): void => {
    const top = stack.at(-1)
    if (hidden !== null || top?.isTiny !== true || !/\S/.test(shown)) return
    cut(start, end)
    if (top.isCounted || !/[\p{L}\p{N}]/u.test(shown)) return
    removed += 1
    top.isCounted = true
  }
  readTags(html, { open, close, text })
  cutTo(html.length)
  kept.push(html.slice(keptTo))
  return { html: kept.join(''), removed }
}

function closeIn(stack: Open[], name: string): void {
  const lowest = Math.max(0, stack.length - closeReach)
  for (let index = stack.length - 1; index >= lowest; index -= 1) {
    if (stack[index]?.name !== name) continue
    stack.length = index
    return
  }
}

type TagHandler = {
  open: (element: Element) => void
  close: (name: string, end: number) => void
  /** Where a text stands, and what an entity in it shows; it comes in several pieces. */
  text: (start: number, end: number, shown: string) => void
}

function readTags(html: string, { open, close, text }: TagHandler): void {
  let element: Element = { name: '', start: 0, attributes: new Map() }
  let name = ''
  let value = ''
  let endOfLast = 0
  const ended = (at: number): void => {
    endOfLast = at + 1
    open(element)
  }
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
        endOfLast = bracket === -1 ? html.length : bracket + 1
        close(html.slice(start, end).toLowerCase(), endOfLast)
      },
      ontext: (start, end) => {
        endOfLast = end
        text(start, end, html.slice(start, end))
      },
      ontextentity: (codePoint, end) => {
        text(endOfLast, end, String.fromCodePoint(codePoint))
        endOfLast = end
      },
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

/** `size` of its text as `textSizeOf` has it. */
type Look = { hides: boolean; size: number | null }

const nothing: Look = { hides: false, size: null }

/** Styles of elements that are remembered: those of a message are much the same. */
const stylesKeptMax = 1_000

function lookOf(html: string): (element: Element) => Look {
  const rules = rulesBySelector(html)
  const hasGround = /background|bgcolor/i.test(html)
  const looks = new Map<string, Look>()
  const lookOfStyle = (name: string, style: string): Look => {
    const key = `${name === 'a' ? name : ''} ${style}`
    const known = looks.get(key)
    if (known !== undefined) return known
    const hides = styleMayHide(style, name) || (!hasGround && styleIsWhite(style))
    const look = { hides, size: textSizeOf(style) }
    if (looks.size < stylesKeptMax) looks.set(key, look)
    return look
  }
  return ({ name, attributes }) => {
    const style = attributes.get('style') ?? ''
    const color = attributes.get('color') ?? '' // of <font>
    const own = style === '' ? nothing : lookOfStyle(name, style)
    const isWhite = !hasGround && color !== '' && styleIsWhite(`color:${color}`)
    if (own.hides || isWhite || attributes.has('hidden')) return { ...own, hides: true }
    const said = rules.size === 0 ? [] : selectorsOf(name, attributes).flatMap((one) => rules.get(one) ?? [])
    const sizes = said.flatMap(({ size }) => size ?? [])
    return { hides: said.some(({ hides }) => hides), size: own.size ?? sizes[0] ?? null }
  }
}

/** Classes of an element that are looked for. */
const classesMax = 40

/** The simple selectors that an element fits, the most particular first. */
function selectorsOf(name: string, attributes: ReadonlyMap<string, string>): string[] {
  const id = attributes.get('id')
  const classes = (attributes.get('class') ?? '').split(/\s+/, classesMax).filter((one) => one !== '')
  const marks = [...(id === undefined ? [] : [`#${id}`]), ...classes.map((one) => `.${one}`)]
  return [...marks.flatMap((mark) => [`${name}${mark}`, mark]), name]
}

/** What rules say of simple selectors (a type, a class or an id); those of @media are for some screens only. */
function rulesBySelector(html: string): ReadonlyMap<string, Look> {
  const bySelector = new Map<string, Look>()
  let charsLeft = sheetCharsMax
  let rules = 0
  for (const [, sheet = ''] of html.matchAll(/<style\b[^<>]{0,2000}>(.*?)(?:<\/style|$)/gis)) {
    const text = sheet.slice(0, charsLeft)
    charsLeft -= text.length
    for (const { prelude, block } of rulesOf(withoutComments(text))) {
      rules += 1
      if (rules > rulesMax) return bySelector
      const rule: Look = { hides: styleMayHide(block), size: textSizeOf(block) }
      if (!rule.hides && rule.size === null) continue
      for (const selector of prelude.split(',')) {
        const simple = /^([a-z][a-z0-9]*)?([.#][\w-]+)?$/i.exec(selector.trim())
        const mark = simple === null ? '' : `${(simple[1] ?? '').toLowerCase()}${simple[2] ?? ''}`
        if (mark === '') continue
        const before = bySelector.get(mark)
        const hides = rule.hides || before?.hides === true
        bySelector.set(mark, { hides, size: rule.size ?? before?.size ?? null })
      }
    }
  }
  return bySelector
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
