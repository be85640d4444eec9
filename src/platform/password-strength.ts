/**
 * Which passwords that people choose are taken (NIST SP 800-63B §5.1.1.2): long enough, not on the list of common ones,
 * not a pattern, not made of what is known of their owner. What kinds of characters they have does not matter.
 */
import { isCommonPassword } from './common-passwords.ts'

/** In code points. */
export const passwordCharactersMin = 8

// Shorter ones are in too many words by chance.
const commonLengthMin = 4
const ownLengthMin = 3

/** What every password here is near to. */
const service = 'mailwright'

export type PasswordRule = {
  bytesMax: number
  /** What is known of the owner: the address, and names where there are any. */
  known: readonly (string | null)[]
}

/**
 * Ten thousand mailboxes come in one call, each with its password, so that this is a matter of microseconds.
 * @returns why a password is not taken, in a sentence for who chose it; null when it is.
 */
export function passwordProblem(password: string, { bytesMax, known }: PasswordRule): string | null {
  const characters = [...password]
  if (characters.length < passwordCharactersMin) {
    return `The password needs at least ${passwordCharactersMin} characters.`
  }
  if (Buffer.byteLength(password) > bytesMax) return `The password may have at most ${bytesMax} bytes.`
  if (/\p{Cc}/u.test(password)) return 'The password has control characters, which clients cannot send.'
  if (isPattern(password, characters)) return 'The password is made of repeated or sequential characters.'
  const stems = stemsOf(folded(password))
  if (stems.some(isCommon)) {
    return (
      'The password is a common one, among the first that anyone would guess; digits and punctuation around it, ' +
      'look-alike characters in it and writing it backwards do not change that.'
    )
  }
  const words = ownWords(known)
  if (stems.some((stem) => isMadeOf(stem, words))) {
    return 'The password is made of its own address, domain or names, which anyone would guess.'
  }
  return null
}

function isCommon(stem: string): boolean {
  return stem.length >= commonLengthMin && isCommonPassword(stem)
}

/** Something shorter that is repeated, or runs of one character or of neighbours: aaaa1234, 1234abcd. */
function isPattern(text: string, characters: readonly string[]): boolean {
  const unitLength = `${text}${text}`.indexOf(text, 1) // its own length when nothing is repeated
  const repeats = text.length / unitLength
  if (repeats > 1 && characters.length / repeats < passwordCharactersMin) return true
  return runsOf(characters) * 4 <= characters.length
}

/** How many runs a text consists of, each of one character, of ascending or of descending neighbours. */
function runsOf(characters: readonly string[]): number {
  let runs = 0
  let previous = Number.NaN
  let step: number | null = null
  for (const character of characters) {
    const point = character.codePointAt(0) ?? 0
    const difference = point - previous
    if (Math.abs(difference) <= 1 && (step === null || step === difference)) {
      step = difference
    } else {
      runs += 1
      step = null
    }
    previous = point
  }
  return runs
}

/** Without case and accents. */
function folded(text: string): string {
  const lower = text.toLowerCase()
  return isAscii(lower)
    ? lower
    : lower
        .normalize('NFKD')
        .replace(/\p{M}+/gu, '')
        .toLowerCase()
}

function isAscii(text: string): boolean {
  return !/[^ -~]/.test(text)
}

/** The words that a password may be a decoration of: without what is around it, look-alikes read, and backwards. */
function stemsOf(text: string): string[] {
  const core = undecorated(text)
  const stems = new Set([text, core])
  if (lookAlike.test(text)) {
    const headed = withoutTail(text)
    for (const one of ['i', 'l']) {
      stems.add(readLookAlikes(core, one))
      stems.add(readLookAlikes(headed, one))
      stems.add(undecorated(readLookAlikes(text, one)))
    }
  }
  for (const stem of [...stems]) stems.add(backwards(stem))
  return [...stems]
}

function undecorated(text: string): string {
  let start = 0
  while (start < text.length && !isLetter(text, start)) start += 1
  return withoutTail(text.slice(start))
}

function withoutTail(text: string): string {
  let end = text.length
  while (end > 0 && !isLetter(text, end - 1)) end -= 1
  return text.slice(0, end)
}

/** Of a text in lower case. */
function isLetter(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit < 128 ? unit >= 97 && unit <= 122 : /\p{L}/u.test(text.charAt(at))
}

function backwards(text: string): string {
  let result = ''
  for (let at = text.length - 1; at >= 0; at -= 1) result += text.charAt(at)
  return result
}

const lookAlikes: Readonly<Record<string, string>> = {
  '0': 'o',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
}

const lookAlike = /[01345789@$!|]/

/** @param one what a 1, ! or | stands for. */
function readLookAlikes(text: string, one: string): string {
  if (!lookAlike.test(text)) return text
  let result = ''
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at)
    result += lookAlikes[character] ?? (lookAlike.test(character) ? one : character)
  }
  return result
}

/** The words of what is known of the owner, the longest first. Of a domain, not its last label. */
function ownWords(known: readonly (string | null)[]): string[] {
  const words = new Set([service])
  for (const text of known) {
    if (text === null) continue
    const at = text.lastIndexOf('@')
    if (at !== -1) addWords(words, text.slice(at + 1).replace(/\.[^.]*$/, ''))
    addWords(words, at === -1 ? text : text.slice(0, at))
  }
  return [...words].sort((a, b) => b.length - a.length)
}

function addWords(words: Set<string>, text: string): void {
  const plain = folded(text)
  const pieces = plain.split(isAscii(plain) ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
  for (const word of pieces) if (word.length >= ownLengthMin) words.add(word)
  const joined = pieces.join('')
  if (joined.length >= ownLengthMin) words.add(joined)
}

/** Whether nothing, or something common, is left of a text when words are taken off its ends. */
function isMadeOf(text: string, words: readonly string[]): boolean {
  let left = text
  for (;;) {
    const word = words.find((one) => left.startsWith(one) || left.endsWith(one))
    if (word === undefined) return left !== text && (left === '' || isCommon(left))
    left = undecorated(left.startsWith(word) ? left.slice(word.length) : left.slice(0, -word.length))
  }
}
