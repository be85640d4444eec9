/**
 * SASLprep (RFC 4013), by which SCRAM makes equal what people type as equal: names and passwords are mapped, composed
 * (NFKC), and checked. Code points that Unicode got after version 3.2 are let through, as for queries (RFC 3454 §7).
 */

/** RFC 3454 table C.1.2, which becomes a space. */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g

/** RFC 3454 table B.1, which becomes nothing. */
const invisible = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g

/** RFC 4013 §2.3: tables C.1.2 and C.2 to C.9, in this order. */
const prohibited = new RegExp(
  [
    '[\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000]',
    '\\p{Cc}',
    '[\\u06dd\\u070f\\u180e\\u200c\\u200d\\u2028\\u2029\\u2060-\\u2063\\u206a-\\u206f\\ufeff\\ufff9-\\ufffc]',
    '[\\u{1d173}-\\u{1d17a}]',
    '\\p{Co}|\\p{Noncharacter_Code_Point}|\\p{Cs}',
    '[\\ufff9-\\ufffd]|[\\u2ff0-\\u2ffb]',
    '[\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e]',
    '[\\u{e0001}\\u{e0020}-\\u{e007f}]',
  ].join('|'),
  'u',
)

/** RFC 3454 table D.1: what is written from right to left. */
const rightToLeft = new RegExp(
  '[\\u05be\\u05c0\\u05c3\\u05d0-\\u05ea\\u05f0-\\u05f4\\u061b\\u061f\\u0621-\\u063a\\u0640-\\u064a\\u066d-\\u066f' +
    '\\u0671-\\u06d5\\u06dd\\u06e5\\u06e6\\u06fa-\\u06fe\\u0700-\\u070d\\u0710\\u0712-\\u072c\\u0780-\\u07a5\\u07b1' +
    '\\u200f\\ufb1d\\ufb1f-\\ufb28\\ufb2a-\\ufb36\\ufb38-\\ufb3c\\ufb3e\\ufb40\\ufb41\\ufb43\\ufb44\\ufb46-\\ufbb1' +
    '\\ufbd3-\\ufd3d\\ufd50-\\ufd8f\\ufd92-\\ufdc7\\ufdf0-\\ufdfc\\ufe70-\\ufe74\\ufe76-\\ufefc]',
  'u',
)

/** @returns null for text that SASLprep refuses. */
export function saslPrep(text: string): string | null {
  const mapped = text.replace(otherSpaces, ' ').replace(invisible, '').normalize('NFKC')
  return prohibited.test(mapped) || !isOneDirection(mapped) ? null : mapped
}

/** RFC 3454 §6: text from right to left begins and ends so, and has no letter that runs the other way. */
function isOneDirection(text: string): boolean {
  const characters = [...text]
  if (!characters.some((character) => rightToLeft.test(character))) return true
  const ends = [characters.at(0) ?? '', characters.at(-1) ?? '']
  if (!ends.every((character) => rightToLeft.test(character))) return false
  return !characters.some((character) => /\p{L}/u.test(character) && !rightToLeft.test(character))
}
