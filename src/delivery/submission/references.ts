/** In-Reply-To and References of a reply (RFC 5322 §3.6.4), from whatever the original says. */
import { parseMessageIds } from '../../messages/mime/message-ids.ts'
import type { Original } from './original.ts'

/** The root and so many of the newest are named; RFC 5537 §3.4.4 bounds them likewise. */
const referencesMax = 40
const referencesCharsMax = 4_000

/** Fields of the caller, and those that a reply has by itself: what the caller says takes their place. */
export function withReplyFields(
  original: Pick<Original, 'message'>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()))
  const own = Object.entries(replyFields(original)).filter(([name]) => !names.has(name.toLowerCase()))
  return { ...Object.fromEntries(own), ...given }
}

/** Empty for an original without a Message-ID, which nothing can refer to. */
function replyFields({ message: { envelope } }: Pick<Original, 'message'>): Record<string, string> {
  const [own] = wellFormed(envelope.messageId ?? '')
  if (own === undefined) return {}
  const references = (envelope.references ?? []).map(bracketed)
  const repliedTo = wellFormed(envelope.inReplyTo ?? '')
  // Without References, an In-Reply-To with one id stands for them; one with several says nothing of the order.
  const parents =
    references.length > 0 ? wellFormed(references.join(' ')) : repliedTo.length === 1 ? repliedTo : []
  const chain = [...parents.filter((id) => id !== own), own]
  return { 'In-Reply-To': own, References: bounded(chain).join(' ') }
}

function bracketed(id: string): string {
  return id.startsWith('<') ? id : `<${id}>`
}

/** What is more than visible ASCII could not stand in our header as it is. */
function wellFormed(value: string): string[] {
  return parseMessageIds(value).filter((id) => /^<[!-;=?-~]{1,900}>$/.test(id))
}

function bounded(chain: readonly string[]): string[] {
  const [root = '', ...rest] = chain
  const newest: string[] = []
  let charsLeft = referencesCharsMax - root.length
  for (const id of rest.slice(-(referencesMax - 1)).reverse()) {
    charsLeft -= id.length + 1
    if (charsLeft < 0 && newest.length > 0) break
    newest.unshift(id)
  }
  return [root, ...newest]
}
