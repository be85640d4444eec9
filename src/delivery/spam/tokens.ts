/**
 * The tokens of a message that the classifier learns: words of subject and text, the author, hosts of links, kinds of
 * files. Each is hashed together with the workspace, so that the table holds nothing that can be read, and nothing that
 * can be compared with another workspace's.
 */
import { mailboxesOf, subjectOf } from './header-signs.ts'
import type { Inspected } from './inspect.ts'

/** Of a message; those of the header come first. */
export const tokensMax = 400

const wordPattern = /[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}'’_-]{2,39}/gu
/** Scripts without spaces between words: pairs of characters stand for them. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]{2,}/gu
const hostsMax = 30

/** The hashes of a message's tokens, each once: whole numbers below 2^52. */
export function tokensOf(workspaceId: string, inspected: Inspected): number[] {
  const words = new Set<string>()
  for (const word of wordsOf(inspected)) {
    words.add(word)
    if (words.size >= tokensMax) break
  }
  return [...new Set([...words].map((word) => hashToken(`${workspaceId}\0${word}`)))]
}

function* wordsOf({ fields, hosts, files, text }: Inspected): Generator<string> {
  for (const { address, domain } of mailboxesOf(fields.get('from')?.[0]))
    yield* [`f:${address}`, `d:${domain}`]
  for (const { domain } of mailboxesOf(fields.get('reply-to')?.[0])) yield `r:${domain}`
  for (const word of split(subjectOf({ fields }))) yield `s:${word}`
  for (const host of hosts.slice(0, hostsMax)) yield `h:${host}`
  for (const { name } of files) yield `x:${name.slice(name.lastIndexOf('.') + 1).toLowerCase()}`
  yield* split(text)
}

function* split(text: string): Generator<string> {
  const folded = text.normalize('NFKC').toLowerCase()
  for (const [word] of folded.matchAll(wordPattern)) if (word.search(unspaced) === -1) yield word
  for (const [run] of folded.matchAll(unspaced)) {
    const characters = [...run]
    for (let at = 0; at + 1 < characters.length; at++) yield `${characters[at]}${characters[at + 1]}`
  }
}

/**
 * 52 bits of two FNV-1a sums of 32 bits that begin differently: many words are hashed for every message, and a
 * collision costs no more than one wrong word among hundreds.
 */
export function hashToken(word: string): number {
  let low = 0x811c9dc5
  let high = 0x050c5d1f
  for (let at = 0; at < word.length; at++) {
    const unit = word.charCodeAt(at)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ (unit + at), 0x01000193)
  }
  return (high >>> 12) * 0x1_0000_0000 + (low >>> 0)
}
