/** The FLAGS response, RFC 9051 §7.3.5: the keywords that a client is told of, at first and when there are more. */
import { keywordsShownMax } from '../../messages/folder-index.ts'
import { encodeFlags } from './syntax/encode.ts'
import { systemFlags } from './syntax/flags.ts'
import type { FolderView } from './view.ts'

/** Keywords that clients look for before they use them (RFC 5788); any other may be used as well. */
const commonKeywords = ['$Forwarded', '$MDNSent', '$Junk', '$NotJunk', '$Phishing']

/** For FolderView.keywords: the common ones and those in use. */
export function knownKeywords(inUse: readonly string[]): Map<string, string> {
  const known = new Map<string, string>()
  for (const keyword of [...commonKeywords, ...inUse]) {
    const name = keyword.toLowerCase()
    if (!known.has(name)) known.set(name, keyword)
  }
  return known
}

/** `(\Answered ... $Junk)`, with `\*` where the client may make new ones. */
export function encodeKnownFlags(view: Pick<FolderView, 'keywords'>, options: { any: boolean }): string {
  return encodeFlags([...systemFlags, ...view.keywords.values(), ...(options.any ? ['\\*'] : [])])
}

/** What goes before a FETCH response with these keywords: a FLAGS response if one is new to the client, or nothing. */
export function tellKeywords(view: Pick<FolderView, 'keywords'>, keywords: readonly string[]): string {
  const known = view.keywords
  const before = known.size
  for (const keyword of keywords) {
    const name = keyword.toLowerCase()
    if (!known.has(name) && known.size < keywordsShownMax + commonKeywords.length) known.set(name, keyword)
  }
  return known.size === before ? '' : `* FLAGS ${encodeKnownFlags(view, { any: false })}\r\n`
}
