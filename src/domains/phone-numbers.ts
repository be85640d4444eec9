/** Telephone numbers in the form that registries want: the country's code, a dot, and the rest (RFC 5733 §2.5). */

// The codes of ITU-T E.164 that have one or two digits; all others have three.
const oneDigit = new Set(['1', '7'])
const twoDigits = new Set(
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(
    ' ',
  ),
)

/**
 * A number as people write it: `+49 30 1234-567`, `0049.301234567`, `+1 (555) 0100`.
 * @returns as in `+49.301234567`; null for what has no country's code or cannot be a number.
 */
export function parsePhoneNumber(text: string): string | null {
  const compact = text.trim().replace(/[\s()/-]/g, '')
  const split = /^(?:\+|00)(\d{1,3})\.(\d{4,14})$/.exec(compact)
  if (split) return `+${split[1]}.${split[2]}`
  const digits = /^(?:\+|00)([1-9]\d+)$/.exec(compact.replaceAll('.', ''))?.[1]
  if (digits === undefined) return null
  const code = [1, 2, 3].map((length) => digits.slice(0, length)).find(isCode) ?? digits.slice(0, 3)
  const rest = digits.slice(code.length)
  return /^\d{4,14}$/.test(rest) && digits.length <= 15 ? `+${code}.${rest}` : null
}

function isCode(digits: string): boolean {
  return oneDigit.has(digits) || twoDigits.has(digits)
}
