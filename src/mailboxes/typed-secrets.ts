/** Secrets that people type from a screen or from paper: in an alphabet that is not misread, in groups. */
import { randomBytes } from 'node:crypto'

/** Crockford's base32: five bits each, without i, l, o and u: no letter that is taken for a digit. In lower case. */
export const typedAlphabet = '0123456789abcdefghjkmnpqrstvwxyz'

const groupLength = 4

/** So many characters of the alphabet, from the system's secure randomness. */
export function randomTyped(count: number): string {
  return Array.from(randomBytes(count), (byte) => typedAlphabet.charAt(byte % typedAlphabet.length)).join('')
}

/** As it is shown: `x3k9-7dqa-m2vt`. */
export function grouped(plain: string): string {
  return plain.replace(new RegExp(`.{${groupLength}}(?=.)`, 'g'), '$&-')
}
