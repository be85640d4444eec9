/** Styles (CSS declarations) that hide the text of an element from people. */

/** Of declarations that are looked at together. */
const styleCharsMax = 4_000

const hiding: readonly RegExp[] = [
  /(?:^|;)display:none/,
  /(?:^|;)visibility:hidden/,
  /(?:^|;)opacity:0(?:\.0+)?(?:;|$|!)/,
]

/** Honest mail hides its preview line and the pictures of other screens like this, too. */
const hidingInPart: readonly RegExp[] = [
  /(?:^|;)visibility:collapse/,
  /(?:^|;)opacity:0?\.0\d*/,
  /(?:^|;)(?:max-)?(?:height|width):0(?:px|pt|em|%)?(?:;|$|!)/,
  /(?:^|;)(?:text-indent|left|top|right|bottom|margin(?:-left|-top)?):-\d{3,}/,
  /(?:^|;)clip:rect\((?:0|1px)/,
  /(?:^|;)clip-path:inset\((?:[5-9]\d|100)%/,
  /(?:^|;)color:(?:transparent|rgba\([^);]*,0(?:\.0+)?\))/,
  /(?:^|;)transform:scale[xy]?\(0\)/,
]

/**
 * Whether an element hides all that is in it. A font of no size does not: what is in it may have another (`textSizeOf`).
 * @param style declarations as a style attribute has them.
 * @param element its name. Links that Outlook leaves out have a twin there in its own markup: a button.
 */
export function styleHides(style: string, element = ''): boolean {
  const text = compact(style)
  if (text === '') return false
  if (element !== 'a' && /(?:^|;)mso-hide:all/.test(text)) return true
  return hiding.some((pattern) => pattern.test(text)) || isOneColour(text)
}

/** The same, and what may be there for a reason: for readers that are to see no more than people do. */
export function styleMayHide(style: string, element = ''): boolean {
  return styleHides(style, element) || hidingInPart.some((pattern) => pattern.test(compact(style)))
}

/** Text below it is not seen. */
export const seenPixelsMin = 2

const pixelsOf: ReadonlyMap<string, number> = new Map([
  ['px', 1],
  ['pt', 1],
  ['rem', 16],
])
const usualPixels = 16

/**
 * How large text is, in pixels or so, where the style says it by itself; null: as what is around it. Layouts give a cell a
 * font of no size against gaps, and the text in it a size of its own.
 */
export function textSizeOf(style: string): number | null {
  const [, size] = [...compact(style).matchAll(/(?:^|;)font(?:-size)?:([^;!]*)/g)].at(-1) ?? []
  if (size === undefined) return null
  if (/^\.?0+(?:\.0*)?(?:[a-z%/]|$)/.test(size)) return 0
  const [, number = '', unit = ''] =
    /(\d{1,5}(?:\.\d{0,5})?|\.\d{1,5})(px|pt|rem|pc|cm|mm|in|vw|vh)/.exec(size) ?? []
  if (number !== '') return Number.parseFloat(number) * (pixelsOf.get(unit) ?? usualPixels)
  return /small(?!er)|medium|large(?!r)|initial/.test(size) ? usualPixels : null
}

/** White text, where nothing gives it another ground. */
export function styleIsWhite(style: string): boolean {
  const front = /(?:^|;)color:([^;!]+)/.exec(compact(style))?.[1]
  return front !== undefined && ['#ffffff', 'rgb(255,255,255)'].includes(colour(front))
}

/** CSS without its comments (CSS Syntax §4.3.2): one that does not end goes to the end. */
export function withoutComments(css: string): string {
  const [first = '', ...rest] = css.split('/*')
  return [
    first,
    ...rest.map((piece) => (piece.includes('*/') ? piece.slice(piece.indexOf('*/') + 2) : '')),
  ].join('')
}

function compact(style: string): string {
  return withoutComments(style.slice(0, styleCharsMax).toLowerCase()).replace(/\s+/g, '')
}

function isOneColour(style: string): boolean {
  const front = /(?:^|;)color:([^;!]+)/.exec(style)?.[1]
  const back = /(?:^|;)background(?:-color)?:([^;!]+)/.exec(style)?.[1]
  return front !== undefined && back !== undefined && colour(front) === colour(back)
}

/** #fff, #ffffff and white are one; of others the text counts. */
function colour(text: string): string {
  if (text === 'white') return '#ffffff'
  if (text === 'black') return '#000000'
  return text.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/, '#$1$1$2$2$3$3')
}
