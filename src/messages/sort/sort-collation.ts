/**
 * The collation i;unicode-casemap (RFC 5051), which SORT and THREAD compare texts with (RFC 5256 §7): each character
 * in title case, then decomposed, compared by code points. Accents count, but after the letters that carry them.
 */

const beyondAscii = /[\u0080-\uffff]/

/** The text in the form whose code points are compared. Equal texts have equal keys. */
export function collationKey(text: string): string {
  if (!beyondAscii.test(text)) return text.toUpperCase()
  let key = ''
  for (const char of text) key += titleCase(char).normalize('NFKD')
  return key
}

/** By code points, which is the order of their UTF-8 octets; UTF-16 units would put U+FFFD after an emoji. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at)
    const unitB = b.charCodeAt(at)
    if (unitA !== unitB) return surrogatesLast(unitA) - surrogatesLast(unitB)
  }
  return a.length - b.length
}

function surrogatesLast(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}

/** Digraphs have a title case of their own: upper, title, lower. */
const digraphs = new Map(
  ['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'].flatMap((forms) =>
    Array.from(forms, (form) => [form, forms.charAt(1)] as const),
  ),
)

const georgian = /[\u10d0-\u10ff]/
const greekWithIota = /[\u1f80-\u1fff]/
const iotaSubscript = '\u0345'

/** Simple title case mapping of UnicodeData.txt: never more than one character, so ß and ﬁ stay what they are. */
function titleCase(char: string): string {
  const digraph = digraphs.get(char)
  if (digraph !== undefined) return digraph
  if (georgian.test(char)) return char // its capitals are for whole words and are no title case
  const upper = char.toUpperCase()
  if (upper.length === 1 || upper.length === char.length) return upper
  if (!greekWithIota.test(char)) return char
  const letters = [...char.normalize('NFD')]
  return letters.map((letter) => (letter === iotaSubscript ? letter : letter.toUpperCase())).join('')
}
