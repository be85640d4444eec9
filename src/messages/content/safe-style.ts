/** Styles of a stranger's HTML: only those that format text in its place, and values that load nothing. */

/** Nothing that moves, covers or hides (position, z-index, float, display, opacity), and nothing that is fetched. */
const properties: ReadonlySet<string> = new Set(
  `background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width border-collapse
  border-color border-left border-left-color border-left-style border-left-width border-radius border-right
  border-right-color border-right-style border-right-width border-spacing border-style border-top border-top-color
  border-top-style border-top-width border-width color direction font font-family font-size font-style font-variant
  font-weight height letter-spacing line-height list-style-type margin margin-bottom margin-left margin-right margin-top
  max-width min-width padding padding-bottom padding-left padding-right padding-top text-align text-decoration text-indent
  text-transform vertical-align white-space width word-break word-spacing word-wrap`.split(/\s+/),
)

/** Words, numbers, colours. Parentheses only as those of rgb() and hsl(): url(), image(), var() and expression() have them too. */
const harmlessValue = /^(?:[\w\s.,%#'"!+-]|\b(?:rgba?|hsla?)\([\d\s.,%/]+\))+$/i

const declarationsMax = 100

/** @param style the value of a style attribute. @returns what may stay of it. */
export function safeStyle(style: string): string {
  // An escape or a comment can hide any word from this check.
  if (/[\\<>@{}]|\/\*/.test(style)) return ''
  return style
    .split(';')
    .slice(0, declarationsMax)
    .flatMap((declaration) => {
      const colon = declaration.indexOf(':')
      const property = declaration.slice(0, Math.max(0, colon)).trim().toLowerCase()
      const value = declaration.slice(colon + 1).trim()
      // A negative margin, indent or space would put the quote over what stands before it.
      return properties.has(property) && harmlessValue.test(value) && !/-[\d.]/.test(value)
        ? [`${property}: ${value}`]
        : []
    })
    .join('; ')
}
