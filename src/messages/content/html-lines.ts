/**
 * HTML as the lines that a reader sees: blocks end lines, paragraphs stand apart, lists have their points and links their
 * addresses. Each line knows what the mail program that wrote it said of it (html-marks.ts). In time and memory of the
 * input's size, whatever the markup.
 */
import { type ElementSays, markOfElement } from './html-marks.ts'
import { type Attributes, readHtmlTokens } from './html-tokens.ts'
import { createLineWriter, type LineWriter } from './line-writer.ts'

/** `own`: not marked. `bare-quote`: a quote if something introduces it. `intro`: says of whom a quote is. */
export type LineMark = 'own' | 'quote' | 'bare-quote' | 'intro' | 'signature'

export type HtmlLine = {
  text: string
  mark: LineMark
  /** How many quotes stand around it. */
  quoteDepth: number
  /** A line is drawn above it: what mail programs put between an answer and the headers of a quoted message. */
  isBelowRule: boolean
}

/** Deeper elements count as what is around them. */
const depthMax = 500
/** How far up an end tag looks for its element. */
const closeReach = 64
const listDepthMax = 4
const listNumberMax = 99
const linkCharsMax = 500

type Element = {
  name: string
  mark: LineMark
  quoteDepth: number
  isHidden: boolean
  isPreformatted: boolean
  listDepth: number
  /** Of `ol`: the number of the next item. */
  nextNumber: number | null
  link: Link | null
  /** A paragraph with no space around it. */
  isTight: boolean
}

/** Where an `a` leads, and the beginning of what it shows. */
type Link = { href: string; shown: string }

const root: Element = {
  name: '',
  mark: 'own',
  quoteDepth: 0,
  isHidden: false,
  isPreformatted: false,
  listDepth: 0,
  nextNumber: null,
  link: null,
  isTight: false,
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))
/** Not `head`: its end tag may be left out (HTML §13.1.2.4), and what is in it is here. */
const hidden = words(
  'iframe math noembed noframes object script select style svg template textarea title xml',
)
const inline = words(
  'a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup td th tt u var wbr',
)
const paragraphs = words('p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote table')
const noContent = words(
  'area base basefont br col embed frame hr img input keygen link meta param source track wbr',
)
/** An element of the first name ends where one of the others begins in it. */
const endedBy: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['p', words('p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote table div hr form section article')],
  ['li', words('li')],
  ['dt', words('dt dd')],
  ['dd', words('dt dd')],
  ['td', words('td th tr tbody')],
  ['th', words('td th tr tbody')],
  ['tr', words('tr tbody tfoot')],
])

/** Where in a document its reading is. */
type Reading = {
  lines: HtmlLine[]
  writer: LineWriter<Element>
  /** The open elements, the innermost last. */
  stack: Element[]
  /** How many more are open than the stack holds. */
  depthAbove: number
  isBelowRule: boolean
  isAllQuoted: boolean
}

export function readHtmlLines(html: string): HtmlLine[] {
  const reading = newReading()
  readHtmlTokens(html, {
    open: (name, attributes) => openElement(reading, name, attributes),
    close: (name) => closeElement(reading, name),
    text: (text) => addText(reading, text),
  })
  reading.writer.endLine()
  return reading.lines
}

function newReading(): Reading {
  const lines: HtmlLine[] = []
  const writer = createLineWriter<Element>((text, { mark, quoteDepth }) => {
    lines.push({
      text,
      mark: reading.isAllQuoted ? 'quote' : mark,
      quoteDepth,
      isBelowRule: reading.isBelowRule,
    })
    if (text !== '') reading.isBelowRule = false
  })
  const reading: Reading = { lines, writer, stack: [], depthAbove: 0, isBelowRule: false, isAllQuoted: false }
  return reading
}

function topOf({ stack }: Reading): Element {
  return stack.at(-1) ?? root
}

function addText(reading: Reading, text: string): void {
  const top = topOf(reading)
  if (top.isHidden) return
  if (top.link !== null && top.link.shown.length < linkCharsMax) top.link.shown += text
  if (top.isPreformatted) reading.writer.addPreformatted(text, top)
  else reading.writer.add(text, top)
}

function openElement(reading: Reading, name: string, attributes: Attributes): void {
  if (endedBy.get(topOf(reading).name)?.has(name)) popElement(reading)
  const { writer, stack } = reading
  const parent = topOf(reading)
  if (name === 'br') breakLine(reading)
  if (name === 'img') addText(reading, imageText(attributes))
  const says = markOfElement(name, attributes)
  noteRules(reading, name, says)
  if (noContent.has(name)) return
  const element = elementIn(parent, name, attributes, says)
  endLineAt(writer, element)
  if (stack.length >= depthMax) {
    reading.depthAbove += 1
    return
  }
  stack.push(element)
  if (name === 'li') addText(reading, pointOf(stack))
  else if ((name === 'td' || name === 'th') && !writer.isAtStart) addText(reading, ' ')
}

function noteRules(reading: Reading, name: string, says: ElementSays | null): void {
  const isRule = name === 'hr' || says === 'rule'
  if (isRule || says === 'everything-below') reading.writer.endLine()
  if (isRule) reading.isBelowRule = true
  if (says === 'everything-below') reading.isAllQuoted = true
}

function closeElement(reading: Reading, name: string): void {
  if (name === 'br') breakLine(reading)
  if (noContent.has(name)) return
  const { stack } = reading
  if (reading.depthAbove > 0) {
    reading.depthAbove -= 1
    endLineAt(reading.writer, { ...topOf(reading), name })
    return
  }
  const lowest = Math.max(0, stack.length - closeReach)
  for (let index = stack.length - 1; index >= lowest; index -= 1) {
    if (stack[index]?.name !== name) continue
    while (stack.length > index) popElement(reading)
    return
  }
}

function popElement(reading: Reading): void {
  const element = reading.stack.pop()
  if (element === undefined) return
  if (element.name === 'a' && element.link !== null && !element.isHidden)
    reading.writer.add(addressOf(element.link), element)
  endLineAt(reading.writer, element)
  if (element.mark === 'quote' && topOf(reading).mark === 'intro') endIntroduction(reading.stack)
}

function breakLine(reading: Reading): void {
  const top = topOf(reading)
  if (!top.isHidden) reading.writer.breakLine(top)
}

function endLineAt(writer: LineWriter<Element>, { name, isHidden, isTight }: Element): void {
  if (inline.has(name) || isHidden) return
  writer.endLine()
  if (paragraphs.has(name) && !isTight) writer.wantBlank()
}

function elementIn(parent: Element, name: string, attributes: Attributes, says: ElementSays | null): Element {
  const style = (attributes.get('style') ?? '').toLowerCase()
  const isQuote = says === 'quote' || says === 'bare-quote'
  return {
    name,
    mark: markIn(parent, says),
    quoteDepth: parent.quoteDepth + (isQuote ? 1 : 0),
    isHidden:
      parent.isHidden || hidden.has(name) || attributes.has('hidden') || /display:\s*none/.test(style),
    isPreformatted:
      name === 'pre' ||
      (parent.isPreformatted ? !/white-space:\s*no/.test(style) : /white-space:\s*pre/.test(style)),
    listDepth: parent.listDepth + (name === 'ul' || name === 'ol' ? 1 : 0),
    nextNumber: name === 'ol' ? 1 : null,
    link: name === 'a' ? linkOf(attributes) : parent.link,
    isTight: isTight(attributes),
  }
}

function markIn({ mark }: Element, says: ElementSays | null): LineMark {
  if (mark === 'quote') return 'quote'
  if (says === 'introduces-quote') return mark === 'own' ? 'intro' : mark
  if (says === null || says === 'rule' || says === 'everything-below') return mark
  if (says === 'bare-quote') return mark === 'intro' ? 'quote' : mark === 'signature' ? mark : says
  return says
}

/** Below the quote that was introduced the author may write on. */
function endIntroduction(stack: Element[]): void {
  for (let index = stack.length - 1; index >= 0; index -= 1) {
    const element = stack[index]
    if (element?.mark !== 'intro') return
    element.mark = 'own'
  }
}

/** Paragraphs without space between them: Outlook's, and those whose style says so. */
function isTight(attributes: Attributes): boolean {
  const style = (attributes.get('style') ?? '').toLowerCase()
  return (
    /\bmsonormal\b/i.test(attributes.get('class') ?? '') || /margin(?:-bottom)?:\s*0(?![.\d])/.test(style)
  )
}

function pointOf(stack: readonly Element[]): string {
  const item = stack.at(-1)
  const list = stack.at(-2)
  const indent = '\u00a0\u00a0'.repeat(Math.min(listDepthMax, Math.max(0, (item?.listDepth ?? 0) - 1)))
  if (list === undefined || list.nextNumber === null || list.nextNumber > listNumberMax) return `${indent}- `
  list.nextNumber += 1
  return `${indent}${list.nextNumber - 1}. `
}

function imageText(attributes: Attributes): string {
  const text = (attributes.get('alt') ?? '').trim()
  return text === '' ? '' : `[${text}]`
}

function linkOf(attributes: Attributes): Link | null {
  const href = (attributes.get('href') ?? '').trim()
  const isShown = /^(?:https?:\/\/|mailto:|tel:)[^\s<>]+$/i.test(href) && href.length <= linkCharsMax
  return isShown ? { href, shown: '' } : null
}

/** Behind the text of a link, unless that says it already. */
function addressOf({ href, shown }: Link): string {
  const seen = shown.trim()
  if (seen === '') return ''
  const plain = (text: string): string =>
    text
      .replace(/^(?:https?:\/\/|mailto:|tel:)/i, '')
      .replace(/[/.]$/, '')
      .replace(/[ \u00a0]/g, '')
  const address = plain(/^mailto:/i.test(href) ? href.replace(/\?.*$/s, '') : href)
  return plain(seen).toLowerCase() === address.toLowerCase() ? '' : ` <${href}>`
}
