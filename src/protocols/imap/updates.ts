/** Tells the client what happened in its folder since it was last told: RFC 9051 §5.2 and §7.5.1, RFC 7162 §3.2. */
import { readFolderIndex } from '../../messages/folder-index.ts'
import { type FolderNews, hasNews, readChangedUids } from '../../messages/folder-news.ts'
import { readNewsJointly } from '../../messages/joint-news.ts'
import { isRemembered, knownLightFolder } from '../../messages/light-folders.ts'
import { mergeUids, uidsNotIn } from '../../messages/uid-arrays.ts'
import { rangesOfUids } from '../../messages/uid-ranges.ts'
import { toldModseq } from './condstore.ts'
import { flagsResponse, writeFetch } from './fetch/fetch.ts'
import { tellKeywords } from './flags-response.ts'
import { writeUnbroken } from './output.ts'
import type { SelectedSession } from './session.ts'
import type { FetchItem } from './syntax/fetch-item.ts'
import { writeVanished } from './vanished.ts'
import { countRecent, sequenceOf } from './view.ts'

/**
 * Which updates may be sent. EXPUNGE shifts the numbers of the messages above, so it must not come during FETCH,
 * STORE or SEARCH by number, nor while no command is in progress (RFC 9051 §7.5.1). VANISHED is bound by the same
 * (RFC 7162 §3.2.10).
 */
export type Updates = 'none' | 'without-expunge' | 'all'

/**
 * Writes EXPUNGE or VANISHED, EXISTS, RECENT and FETCH responses and brings the view up to date.
 * Nothing of all this happens to a client that said so by NOTIFY (RFC 5465 §3.1).
 * @param options.anyway tells such a client as well: it has itself removed messages.
 * @param options.look asks for what other nodes have committed: their events may still be on their way.
 */
export async function announceChanges(
  session: SelectedSession,
  options: { expunge: boolean; look: boolean; anyway?: boolean },
): Promise<void> {
  const { view } = session.state
  if (session.notify?.selected.messages === false && options.anyway !== true) return view.ownModseqs.clear()
  const wasWithheld = view.gone.size > 0
  if (options.look) await look(session)
  const news = view.stale ? await readNews(session) : null
  try {
    if (news !== null) {
      noteExpunged(session, news)
      for (const follower of view.followers.values()) await follower.expunged()
    }
    if (options.expunge && view.gone.size > 0) await announceExpunged(session)
    if (news !== null) await announceNews(session, news)
  } catch (error) {
    view.stale = true // some of it was not told
    throw error
  }
  if (session.enabled.has('QRESYNC')) await tellWhereItStands(session, wasWithheld)
}

/** Finds out whether there is something that no event has told this session of. */
async function look({ platform, state }: SelectedSession): Promise<void> {
  const { view } = state
  if (isRemembered(platform, view.folderId)) {
    await platform.feed.catchUp()
    if (knownLightFolder(platform, view.folderId)?.modseq !== view.modseq) view.stale = true
  } else if (!view.stale && (await hasNews(platform, view))) {
    view.stale = true
    view.mustRead = true
  }
}

/** Everything that must be read, before the view or the client hears of any of it. */
async function readNews(session: SelectedSession): Promise<FolderNews | null> {
  const { platform, transport } = session
  const { view } = session.state
  view.stale = false // before the read: what happens during it makes it stale again
  try {
    const options = { claim: tellsRecent(session), claimed: view.claimed, mustRead: view.mustRead }
    const { news, firstRecent } = await readNewsJointly(platform, view, options)
    view.mustRead = false
    if (news === null) {
      transport.end('The selected mailbox was deleted') // RFC 2180 §3.3
      return null
    }
    view.recentFrom = Math.min(view.recentFrom, firstRecent ?? Number.POSITIVE_INFINITY)
    return news.isForgotten ? { ...news, ...(await compareWithFolder(session, news)) } : news
  } catch (error) {
    view.stale = true
    throw error
  }
}

/** RFC 9051 appendix E: IMAP4rev2 has no \Recent, and a session without it leaves the messages to another. */
export function tellsRecent({ enabled, state }: SelectedSession): boolean {
  return !state.view.readOnly && !enabled.has('IMAP4rev2')
}

/** Tombstones that this session needs may be gone: what is not there any more was expunged. */
async function compareWithFolder(
  { platform, state }: SelectedSession,
  news: FolderNews,
): Promise<Pick<FolderNews, 'expunged' | 'expungedFrom'>> {
  const { view } = state
  const index = await readFolderIndex(platform, view.mailboxId, view.folderId)
  if (index === null) return news // it is gone, as the next news will tell
  return { expunged: uidsNotIn(view.uids, index.uids), expungedFrom: view.modseq + 1 }
}

function noteExpunged({ state }: SelectedSession, { expunged, expungedFrom }: FolderNews): void {
  const { view } = state
  for (const uid of expunged) {
    if (sequenceOf(view, uid) === null) continue // it came and went untold
    view.gone.add(uid)
    view.goneFrom = Math.min(view.goneFrom, expungedFrom ?? view.modseq + 1)
  }
}

async function announceExpunged(session: SelectedSession): Promise<void> {
  const { view } = session.state
  const { output } = session.transport
  const gone = [...view.gone].sort((a, b) => a - b)
  if (session.enabled.has('QRESYNC')) {
    const ranges = rangesOfUids(gone).map(({ first, last }) => ({ from: first, to: last }))
    await writeVanished(output, ranges, { earlier: false })
  } else {
    // The highest first: then no number below it shifts.
    for (const uid of gone.toReversed()) await output.write(`* ${sequenceOf(view, uid)} EXPUNGE\r\n`)
  }
  view.uids = mergeUids(view.uids, gone, new Uint32Array())
  view.gone.clear()
  view.goneFrom = Number.POSITIVE_INFINITY
}

async function announceNews(session: SelectedSession, news: FolderNews): Promise<void> {
  const { view } = session.state
  const { output } = session.transport
  view.uidnext = news.uidnext
  if (news.added.length > 0) {
    view.uids = mergeUids(view.uids, [], news.added)
    const recent = session.enabled.has('IMAP4rev2') ? '' : `* ${countRecent(view)} RECENT\r\n`
    await output.write(`* ${view.uids.length} EXISTS\r\n${recent}`)
  }
  if (session.notify?.selected.flags !== false) {
    if (news.changed === null) await announceManyFlags(session, news)
    else await announceFlags(session, news.changed)
  }
  if (view.followers.size > 0) await tellFollowers(session, news)
  if (news.added.length > 0) await announceAsFetched(session, news.added)
  view.modseq = news.highestModseq
  view.ownModseqs.clear()
}

/** After the responses that tell of the cause (RFC 5267 §4.3). */
async function tellFollowers({ platform, state }: SelectedSession, news: FolderNews): Promise<void> {
  const { view } = state
  const changed = news.changed?.map(({ uid }) => uid) ?? (await readChangedUids(platform, view, view.modseq))
  const uids = [...changed, ...news.added]
  for (const follower of view.followers.values()) await follower.changed(uids)
}

/** RFC 5465 §5.2: what a client wants to know of every new message but its own; after all that is told of it else. */
async function announceAsFetched(session: SelectedSession, added: Uint32Array): Promise<void> {
  const { platform, transport, notify } = session
  const { view } = session.state
  if (notify === null || notify.selected.fetch.length === 0) return
  const request = {
    items: notify.selected.fetch,
    ranges: rangesOfUids([...added]),
    isRecent: (uid: number) => uid >= view.recentFrom,
    uid: false,
    before: ({ modseq, keywords }: { modseq: number; keywords: readonly string[] }) =>
      notify.ownModseqs.has(modseq) ? null : tellKeywords(view, keywords),
  }
  await writeUnbroken(transport.output, (write) =>
    writeFetch(platform, view, request, (uid) => sequenceOf(view, uid), write),
  )
  notify.ownModseqs.clear()
}

async function announceFlags(
  session: SelectedSession,
  changed: NonNullable<FolderNews['changed']>,
): Promise<void> {
  const { view } = session.state
  // RFC 7162 §3.2.4. Without it no UID, which clients of RFC 3501 take for the answer to a FETCH of theirs.
  const condstore = session.enabled.has('CONDSTORE')
  for (const message of changed) {
    if (view.ownModseqs.has(message.modseq)) continue
    const sequence = sequenceOf(view, message.uid)
    if (sequence === null) continue
    const uid = condstore || session.notify !== null // RFC 5465 §5.1
    const options = { uid, modseq: condstore, recent: message.uid >= view.recentFrom }
    const response = flagsResponse(sequence, message, options)
    await session.transport.output.write(tellKeywords(view, message.keywords) + response)
  }
}

const flagsItem: FetchItem = { item: 'FLAGS' }
const modseqItem: FetchItem = { item: 'MODSEQ' }

/** As announceFlags, of any number of messages: a page at a time. */
async function announceManyFlags(session: SelectedSession, news: FolderNews): Promise<void> {
  const { platform, transport } = session
  const { view } = session.state
  const condstore = session.enabled.has('CONDSTORE')
  const uids = await readChangedUids(platform, view, view.modseq)
  const request = {
    items: condstore ? [flagsItem, modseqItem] : [flagsItem],
    ranges: rangesOfUids(uids),
    isRecent: (uid: number) => uid >= view.recentFrom,
    uid: condstore || session.notify !== null,
    // What changed after the news were read is told with the next.
    before: ({ modseq, keywords }: { modseq: number; keywords: readonly string[] }) =>
      modseq > news.highestModseq || view.ownModseqs.has(modseq) ? null : tellKeywords(view, keywords),
  }
  const sequenceOfKnown = (uid: number) => sequenceOf(view, uid)
  await writeFetch(platform, view, request, sequenceOfKnown, (data) => transport.output.write(data))
}

/**
 * RFC 7162 §3.2, §6: a client takes the highest MODSEQ that it saw for what it knows. While an expunge with a lower
 * one is withheld, it is told to stay below it.
 */
async function tellWhereItStands(session: SelectedSession, wasWithheld: boolean): Promise<void> {
  const { view } = session.state
  if (!wasWithheld && view.gone.size === 0) return
  const text = view.gone.size > 0 ? 'Expunges are withheld' : 'All is told'
  await session.transport.output.write(`* OK [HIGHESTMODSEQ ${toldModseq(view)}] ${text}\r\n`)
}
