/** Styles (CSS declarations) that hide the text of an element from people. */

/** Of declarations that are looked at together. */
const styleCharsMax = 4_000

const hiding: readonly RegExp[] = [
  /(?:^|;)display:none/,
  /(?:^|;)visibility:hidden/,
  /(?:^|;)font-size:0+(?:\.0+)?(?:[a-z%]|;|$|!)/,
  /(?:^|;)opacity:0(?:\.0+)?(?:;|$|!)/,
  /(?:^|;)mso-hide:all/,
]

/** Honest mail hides its preview line and the pictures of other screens like this, too. */
const hidingInPart: readonly RegExp[] = [
  /(?:^|;)visibility:collapse/,
  /(?:^|;)font-size:(?:0?\.\d+|1(?:\.\d+)?)(?:px|pt)/,
  /(?:^|;)opacity:0?\.0\d*/,
  /(?:^|;)(?:max-)?(?:height|width):0(?:px|pt|em|%)?(?:;|$|!)/,
  /(?:^|;)(?:text-indent|left|top|right|bottom|margin(?:-left|-top)?):-\d{3,}/,
  /(?:^|;)clip:rect\((?:0|1px)/,
  /(?:^|;)clip-path:inset\((?:[5-9]\d|100)%/,
  /(?:^|;)color:(?:transparent|rgba\([^);]*,0(?:\.0+)?\))/,
  /(?:^|;)transform:scale[xy]?\(0\)/,
]

/** @param style declarations as a style attribute has them. */
export function styleHides(style: string): boolean {
  const text = compact(style)
  return text !== '' && (hiding.some((pattern) => pattern.test(text)) || isOneColour(text))
}

/** The same, and what may be there for a reason: for readers that are to see no more than people do. */
export function styleMayHide(style: string): boolean {
  return styleHides(style) || hidingInPart.some((pattern) => pattern.test(compact(style)))
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
