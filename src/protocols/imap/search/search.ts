/** SEARCH (RFC 9051 §6.4.4) on a session's view of a folder. RETURN options are the caller's. */
import { type SearchOptions, searchMessages } from '../../../messages/search/search.ts'
import type { SearchCriterion } from '../../../messages/search/search-criterion.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { SearchKey } from '../syntax/search-key.ts'
import { toCriterion } from './criterion.ts'

export type SearchContext = {
  mailboxId: string
  folderId: string
  /** The session's view, ascending: sequence numbers count in it, and only its UIDs are found. */
  uids: Uint32Array
  isRecent: (uid: number) => boolean
  /** What `$` stands for (RFC 9051 §6.4.4.1), ascending; nothing if absent. */
  savedUids?: readonly number[]
}

/** @returns the UIDs that match, ascending. */
export async function searchFolder(
  platform: Platform,
  context: SearchContext,
  key: SearchKey,
  options: SearchOptions = {},
): Promise<number[]> {
  const { uids } = context
  const first = uids[0]
  const last = uids.at(-1)
  if (first === undefined || last === undefined) return []
  if (key.kind === 'all') return Array.from(uids)
  const view: SearchCriterion = { kind: 'uids', ranges: [{ first, last }] }
  const wanted = toCriterion(key, { ...context, now: platform.clock.now() })
  const found = await searchMessages(platform, context, { kind: 'and', criteria: [view, wanted] }, options)
  return intersection(found, uids)
}

/** Both ascending. The folder may have messages that the session was not told of. */
function intersection(found: readonly number[], uids: Uint32Array): number[] {
  let at = 0
  return found.filter((uid) => {
    while ((uids[at] ?? Number.POSITIVE_INFINITY) < uid) at++
    return uids[at] === uid
  })
}
