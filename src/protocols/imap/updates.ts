/** Tells the client what happened in its folder since it was last told: RFC 9051 §5.2 and §7.5.1. */
import { claimRecent, type FolderChanges, readChangesSince } from '../../messages/view.ts'
import { flagsResponse } from './fetch/fetch.ts'
import type { SelectedSession } from './session.ts'
import { countRecent, sequenceOf } from './view.ts'

/**
 * Which updates may be sent. EXPUNGE shifts the numbers of the messages above, so it must not come during FETCH,
 * STORE or SEARCH by number, nor while no command is in progress (RFC 9051 §7.5.1).
 */
export type Updates = 'none' | 'without-expunge' | 'all'

/**
 * Writes EXPUNGE, EXISTS, RECENT and FETCH responses and brings the view up to date.
 * @param options.look asks the database even when no event told of a change.
 */
export async function announceChanges(
  session: SelectedSession,
  options: { expunge: boolean; look: boolean },
): Promise<void> {
  const { view } = session.state
  const changes = view.stale || options.look ? await readNews(session) : null
  for (const uid of changes?.expunged ?? []) if (sequenceOf(view, uid) !== null) view.gone.add(uid)
  if (options.expunge && view.gone.size > 0) await announceExpunged(session)
  if (changes === null) return
  const firstNew = view.uidnext
  view.uidnext = changes.uidnext
  view.modseq = changes.highestModseq
  await announceNew(session, changes, firstNew)
  await announceFlags(session, changes, firstNew)
  view.ownModseqs.clear()
}

/** Everything that must be read, before the view or the client hears of any of it. */
async function readNews(session: SelectedSession): Promise<FolderChanges | null> {
  const { platform, transport } = session
  const { view } = session.state
  view.stale = false // before the read: what happens during it makes it stale again
  try {
    const changes = await readChangesSince(platform, view.mailboxId, view.folderId, view.modseq)
    if (changes === null)
      transport.end('The selected mailbox was deleted') // RFC 2180 §3.3
    else if (changes.uidnext > view.uidnext && !view.readOnly) {
      const first = await claimRecent(platform, view.mailboxId, view.folderId)
      view.recentFrom = Math.min(view.recentFrom, first ?? Number.POSITIVE_INFINITY)
    }
    return changes
  } catch (error) {
    view.stale = true
    throw error
  }
}

async function announceExpunged(session: SelectedSession): Promise<void> {
  const { view } = session.state
  const { output } = session.transport
  // The highest first: then no number below it shifts.
  const gone = [...view.gone].sort((a, b) => b - a)
  for (const uid of gone) await output.write(`* ${sequenceOf(view, uid)} EXPUNGE\r\n`)
  view.uids = view.uids.filter((uid) => !view.gone.has(uid))
  view.gone.clear()
}

async function announceNew(
  session: SelectedSession,
  changes: FolderChanges,
  firstNew: number,
): Promise<void> {
  const { view } = session.state
  const added = changes.messages.filter(({ uid }) => uid >= firstNew)
  if (added.length === 0) return
  const before = view.uids
  view.uids = new Uint32Array(before.length + added.length)
  view.uids.set(before)
  view.uids.set(
    added.map(({ uid }) => uid),
    before.length,
  )
  await session.transport.output.write(`* ${view.uids.length} EXISTS\r\n* ${countRecent(view)} RECENT\r\n`)
}

async function announceFlags(
  session: SelectedSession,
  changes: FolderChanges,
  firstNew: number,
): Promise<void> {
  const { view } = session.state
  for (const message of changes.messages) {
    if (message.uid >= firstNew || view.ownModseqs.has(message.modseq)) continue
    const sequence = sequenceOf(view, message.uid)
    if (sequence === null) continue
    // Without the UID, which clients of RFC 3501 take for the answer to a FETCH of theirs.
    const options = { uid: false, modseq: false, recent: message.uid >= view.recentFrom }
    await session.transport.output.write(flagsResponse(sequence, message, options))
  }
}
