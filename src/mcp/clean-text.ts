/**
 * Text of mail as a model may read it. Characters that people do not see and programs do (zero-width, directions, tags,
 * variation selectors) carry instructions past whoever looks at the same message, so they are taken out and counted.
 */

export type CleanText = { text: string; hiddenCharacters: number }

// Default_Ignorable_Code_Point (Unicode Standard §5.21) has what shows nothing: U+00AD, U+200B..F, U+202A..E, U+2060..F,
// U+FE00..F, U+E0000..E0FFF and the fillers. Control characters, noncharacters, interlinear marks and halves of
// surrogate pairs have no place in a text either.
const unseen =
  /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cs}\ufff9-\ufffb]|(?![\n\t])\p{Cc}/gu

/** Line ends become line feeds; long gaps, which push text out of sight, become short ones. */
export function cleanText(text: string): CleanText {
  let hiddenCharacters = 0
  const seen = text
    .replace(/\r\n?|[\u2028\u2029\u0085\v\f]/g, '\n')
    .replace(unseen, () => {
      hiddenCharacters += 1
      return ''
    })
    // Long gaps first: what looks for a line's end behind each of their characters would take their square.
    .replace(/[^\S\n]{80,}/g, ' ')
    .replace(/[^\S\n]+$/gm, '')
    .replace(/\n{4,}/g, '\n\n\n')
  return { text: seen, hiddenCharacters }
}

/** A name, a subject, an address: one line of at most `charsMax` characters. */
export function cleanLine(text: string, charsMax: number): string {
  const line = cleanText(text).text.replace(/\s+/g, ' ').trim()
  return line.length <= charsMax ? line : `${line.slice(0, charsMax).toWellFormed()}…`
}
