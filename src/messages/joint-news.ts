/**
 * One event wakes every session of a folder, and each asks for the same news of it. Those that ask before the reading
 * begins share one, so that what it costs does not grow with the sessions. Nobody joins a reading that has begun:
 * what woke him may have happened since.
 */
import type { Platform } from '../platform/platform.ts'
import { type FolderNews, type KnownState, newsOf, readFolderNews } from './folder-news.ts'
import { isRemembered, lightFolderOf } from './light-folders.ts'
import type { UidRange } from './uid-ranges.ts'
import { claimRecent } from './view.ts'

/** `firstRecent`: the first UID that is \Recent for the caller (RFC 3501 §2.3.2); null: none is. */
export type JointNews = { news: FolderNews | null; firstRecent: number | null }

const readings = new WeakMap<Platform, Map<string, Promise<JointNews>>>()

/**
 * The news of a folder after a known state; `news` is null when the folder is gone.
 * @param options.mustRead there is more than events have told of.
 * @param options.claim whether new messages are taken as \Recent: one of those who ask gets them.
 * @param options.claimed those that the caller has taken already.
 */
export async function readNewsJointly(
  platform: Platform,
  known: KnownState & { uids: Uint32Array },
  options: { claim: boolean; claimed?: UidRange | null; mustRead: boolean },
): Promise<JointNews> {
  const remembered = isRemembered(platform, known.folderId)
    ? await lightFolderOf(platform, known, { modseq: known.modseq, isStale: options.mustRead })
    : null
  if (remembered !== null) {
    const news = newsOf(remembered, known, known.uids)
    return { news, firstRecent: await claimNew(platform, known, news, options) }
  }
  const waiting = readings.get(platform) ?? new Map<string, Promise<JointNews>>()
  readings.set(platform, waiting)
  const { claim, claimed = null } = options
  const key = `${known.folderId} ${known.modseq} ${known.uidnext} ${claim} ${claimed?.first} ${claimed?.last}`
  const joined = waiting.get(key)
  if (joined !== undefined) return { ...(await joined), firstRecent: null }
  const reading = (async () => {
    await new Promise((resolve) => setImmediate(resolve)) // the others that were woken ask in the same turn
    waiting.delete(key)
    const news = await readFolderNews(platform, known)
    return { news, firstRecent: await claimNew(platform, known, news, options) }
  })()
  waiting.set(key, reading)
  return await reading
}

/** Of those who hear of the same new messages, one gets them as \Recent. */
async function claimNew(
  platform: Platform,
  { mailboxId, folderId }: KnownState,
  news: FolderNews | null,
  { claim, claimed = null }: { claim: boolean; claimed?: UidRange | null },
): Promise<number | null> {
  const added = news?.added.filter((uid) => claimed === null || uid < claimed.first || uid > claimed.last)
  if (!claim || added === undefined || added.length === 0) return null
  return await claimRecent(platform, mailboxId, folderId)
}
