/** Message identifiers of Message-ID, In-Reply-To and References (RFC 5322 §3.6.4), as written, with `<` and `>`. */
import { mimeLimits } from './mime-limits.ts'

/** The one identifier of a Message-ID field; one that lacks its angle brackets gets them. */
export function parseMessageId(value: string): string | null {
  const [first] = parseMessageIds(value)
  if (first !== undefined) return first
  const bare = value.trim()
  return /^[^\s<>]+$/.test(bare) && bare.length <= mimeLimits.messageIdCharsMax - 2 ? `<${bare}>` : null
}

/**
 * The identifiers of a list, each once, in order. White space inside one is dropped, since folding puts it
 * there. Of too many, the first (the thread's root) and the newest are kept.
 */
export function parseMessageIds(value: string): string[] {
  const found = new Set<string>()
  for (const match of value.matchAll(/<([^<>]*)>/g)) {
    const id = (match[1] ?? '').replace(/\s/g, '')
    if (id !== '' && id.length <= mimeLimits.messageIdCharsMax - 2) found.add(`<${id}>`)
  }
  const ids = [...found]
  if (ids.length <= mimeLimits.messageIdsMax) return ids
  return [...ids.slice(0, 1), ...ids.slice(1 - mimeLimits.messageIdsMax)]
}
