/**
 * The common passwords: what guessing begins with, from the leaks of others. It is the list of the package
 * @zxcvbn-ts/language-common, of which the file alone is read: its modules bring keyboards and word lists with it.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

let list: ReadonlySet<string> | null = null

/**
 * Whether a password is on the list. The first call reads it (some ms, and a few MB from then on): a node that is never
 * given a password does neither.
 * @param password in lower case.
 */
export function isCommonPassword(password: string): boolean {
  list ??= readList()
  return list.has(password)
}

function readList(): ReadonlySet<string> {
  const file = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))
  const words: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(words)) throw new Error(`${file} is no list`)
  return new Set(words.filter((word) => typeof word === 'string'))
}
