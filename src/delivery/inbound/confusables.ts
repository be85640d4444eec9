/** Names that look the same: one skeleton for all of them, after the idea of UTS 39 §4 with a small table of our own. */

/** Letters of other scripts, and digits, that are read as Latin ones; in lower case. */
const looksLike: Readonly<Record<string, string>> = {
  // Cyrillic
  а: 'a',
  в: 'b',
  е: 'e',
  ё: 'e',
  з: '3',
  и: 'u',
  і: 'i',
  ї: 'i',
  ј: 'j',
  к: 'k',
  м: 'm',
  н: 'h',
  о: 'o',
  р: 'p',
  с: 'c',
  т: 't',
  у: 'y',
  х: 'x',
  ѕ: 's',
  ԁ: 'd',
  ԛ: 'q',
  ԝ: 'w',
  һ: 'h',
  ӏ: 'l',
  // Greek
  α: 'a',
  β: 'b',
  ε: 'e',
  ι: 'i',
  κ: 'k',
  ν: 'v',
  ο: 'o',
  ρ: 'p',
  τ: 't',
  υ: 'u',
  χ: 'x',
  ω: 'w',
  // Latin, and what is written like it
  ı: 'i',
  ł: 'l',
  ø: 'o',
  đ: 'd',
  ß: 'b',
  '0': 'o',
  '1': 'l',
  '|': 'l',
  '5': 's',
  $: 's',
  '@': 'a',
}

/** Two letters that are read as one. */
const pairs: readonly [RegExp, string][] = [
  [/rn/g, 'm'],
  [/vv/g, 'w'],
]

/** Names with the same skeleton look the same to a reader who does not look closely. Empty for a name without letters. */
export function skeletonOf(name: string): string {
  const plain = plainLetters(name)
  const latin = [...plain].map((letter) => looksLike[letter] ?? letter).join('')
  const letters = latin.replace(/i/g, 'l').replace(/[^\p{L}\p{N}]+/gu, '') // I, l and 1 are one stroke each
  return pairs.reduce((text, [pair, letter]) => text.replace(pair, letter), letters)
}

function plainLetters(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class is ASCII, in which nothing is composed
  if (/^[\x00-\x7f]*$/.test(name)) return name.toLowerCase()
  return name.normalize('NFKC').toLowerCase().normalize('NFD').replace(/\p{M}/gu, '')
}
