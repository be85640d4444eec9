/** Message flags: the system flags are bits of an integer, keywords are words (RFC 9051 §2.3.2). */
import { Refusal } from '../platform/errors.ts'

export const flagBits = {
  seen: 1,
  answered: 2,
  flagged: 4,
  deleted: 8,
  draft: 16,
} as const

export type SystemFlag = keyof typeof flagBits

export type FlagSet = { flags: number; keywords: readonly string[] }

/** RFC 9051 §2.3.2 gives no bounds; these keep a row small. */
export const keywordBytesMax = 100
export const keywordsPerMessageMax = 100

/** Keywords without those that differ only in case (RFC 9051 §2.3.2: they are case-insensitive); first spelling wins. */
export function uniqueKeywords(keywords: readonly string[]): string[] {
  const byName = new Map<string, string>()
  for (const keyword of keywords) {
    const name = keyword.toLowerCase()
    if (!byName.has(name)) byName.set(name, keyword)
  }
  return [...byName.values()]
}

/** @throws Refusal keyword_limit_reached when a message cannot have these keywords. */
export function requireKeywords(keywords: readonly string[]): void {
  if (keywords.length > keywordsPerMessageMax) throw new Refusal('keyword_limit_reached')
  if (keywords.some((keyword) => Buffer.byteLength(keyword) > keywordBytesMax)) {
    throw new Refusal('keyword_limit_reached', `A keyword may have at most ${keywordBytesMax} bytes.`)
  }
}
