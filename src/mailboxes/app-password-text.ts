/**
 * How an app password is written. It is always generated: 28 characters of an alphabet that no two of are taken for each
 * other, 140 bits, in groups that are easy to type. None of them is a space, a dash or a capital letter, so that a login
 * may ignore those: what is ignored was never part of the secret.
 */
import { randomBytes } from 'node:crypto'

// Of 32 characters, so that five bits choose one; without i, l, o and u.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const charactersOfOne = 28
const groupLength = 4

export function generateAppPassword(): string {
  const characters = [...randomBytes(charactersOfOne)].map((byte) => alphabet[byte % alphabet.length] ?? '')
  return grouped(characters.join(''))
}

/** What was typed as it was shown; null for what cannot be an app password. */
export function appPasswordAsShown(typed: string): string | null {
  if (typed.length > 4 * charactersOfOne) return null
  const plain = typed.replace(/[\s-]+/g, '').toLowerCase()
  return plain.length === charactersOfOne && [...plain].every((one) => alphabet.includes(one))
    ? grouped(plain)
    : null
}

function grouped(plain: string): string {
  const groups: string[] = []
  for (let at = 0; at < plain.length; at += groupLength) groups.push(plain.slice(at, at + groupLength))
  return groups.join('-')
}
