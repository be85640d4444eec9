/**
 * How an app password is written. It is always generated: 28 characters of an alphabet that no two of are taken for each
 * other, 140 bits, in groups that are easy to type. None of them is a space, a dash or a capital letter, so that a login
 * may ignore those: what is ignored was never part of the secret.
 */
import { grouped, randomTyped, typedAlphabet } from './typed-secrets.ts'

const charactersOfOne = 28

export function generateAppPassword(): string {
  return grouped(randomTyped(charactersOfOne))
}

/** What was typed as it was shown; null for what cannot be an app password. */
export function appPasswordAsShown(typed: string): string | null {
  if (typed.length > 4 * charactersOfOne) return null
  const plain = typed.replace(/[\s-]+/g, '').toLowerCase()
  return plain.length === charactersOfOne && [...plain].every((one) => typedAlphabet.includes(one))
    ? grouped(plain)
    : null
}
