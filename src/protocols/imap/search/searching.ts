/** What SEARCH, SORT and THREAD have in common: a session's folder is searched, and UIDs become what the client wants. */
import { bad, no, type Reply } from '../reply.ts'
import type { SelectedSession, Session } from '../session.ts'
import { offeredSearchCharsets } from '../syntax/search-charset.ts'
import type { SearchCriteria, SearchKey } from '../syntax/search-key.ts'
import { type FolderView, savedUids, sequenceOf } from '../view.ts'
import type { Progress } from './progress.ts'
import { type SearchContext, searchFolder } from './search.ts'

/** @param saved what `$` stands for. */
export function contextOf(view: FolderView, saved: readonly number[] = savedUids(view)): SearchContext {
  const { mailboxId, folderId, uids } = view
  return { mailboxId, folderId, uids, isRecent: (uid) => uid >= view.recentFrom, savedUids: saved }
}

/** @returns UIDs, ascending, of messages that are there as far as the session knows. */
export async function findMessages(
  { platform, state: { view } }: SelectedSession,
  key: SearchKey,
  saved: readonly number[],
  progress: Progress,
): Promise<number[]> {
  const onProgress = (examined: number): void => progress(examined, null)
  const found = await searchFolder(platform, contextOf(view, saved), key, { onProgress })
  return view.gone.size === 0 ? found : found.filter((uid) => !view.gone.has(uid))
}

/** The sequence numbers of messages that the client knows. */
export function numbersOf(view: Pick<FolderView, 'uids'>, uids: readonly number[]): number[] {
  let before = 0
  return uids.flatMap((uid) => {
    // The next in the view is the usual case, and needs no search.
    const number = view.uids[before] === uid ? before + 1 : sequenceOf(view, uid)
    before = number ?? before
    return number ?? []
  })
}

/** RFC 6855 §3: a client that speaks UTF-8 has no business with another charset. */
export function conflictingCharset({ enabled }: Session, { charset }: SearchCriteria): Reply | null {
  const conflicts = enabled.has('UTF8=ACCEPT') && charset !== null && !/^(?:utf-?8|us-ascii)$/i.test(charset)
  return conflicts ? bad('UTF8=ACCEPT is enabled: all text is UTF-8') : null
}

/** RFC 9051 §6.4.4. */
export const badCharset = no(`BADCHARSET (${offeredSearchCharsets.join(' ')})`, 'Unknown charset')
