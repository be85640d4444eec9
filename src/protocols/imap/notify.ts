/** Tells a client what it asked for by NOTIFY (RFC 5465), also while no command is in progress. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Folder, listFolders } from '../../messages/folders.ts'
import { listLostSubscriptions } from '../../messages/lost-subscriptions.ts'
import { ConnectionClosed } from '../output.ts'
import { listLine } from './commands/list.ts'
import { encodeStatus } from './commands/status.ts'
import { imapLimits } from './limits.ts'
import { selectEntries } from './list-entries.ts'
import {
  createNotify,
  eventsFor,
  hasPending,
  type Notify,
  nothingPending,
  type Pending,
} from './notify-state.ts'
import { ResponseBrokenOff } from './output.ts'
import {
  type AuthenticatedSession,
  isAuthenticated,
  isSelected,
  nameEncodingOf,
  type Session,
} from './session.ts'
import type { StatusItem } from './syntax/commands.ts'
import { encodeAstring, encodeMailbox } from './syntax/encode.ts'
import type { NotifyEvent } from './syntax/notify-group.ts'
import { announceChanges } from './updates.ts'

/** Whether there is something that this client may be told without asking. */
export function hasNewsToTell(session: Session): boolean {
  const { notify } = session
  const follows = notify === null || notify.selected.messages
  const isStale = isSelected(session) && session.state.view.stale && follows
  return isStale || (notify !== null && hasPending(notify))
}

/** Tells all of it. @param expunge whether message numbers may shift now. */
export async function tellNews(session: Session, { expunge }: { expunge: boolean }): Promise<void> {
  if (isSelected(session)) await announceChanges(session, { expunge, look: false })
  if (isAuthenticated(session) && session.notify !== null) await tellPending(session, session.notify)
}

/** Between two commands, to a client that listens all the time (§3.1). @returns whether there was anything. */
export async function tellBetweenCommands(session: Session): Promise<boolean> {
  if (session.notify === null || !hasNewsToTell(session)) return false
  await sleep(imapLimits.idleCoalesceMs)
  try {
    await tellNews(session, { expunge: !session.notify.selected.delayed })
  } catch (error) {
    if (error instanceof ConnectionClosed || error instanceof ResponseBrokenOff) throw error
    session.platform.log.error({ event: 'imap.notify_failed', cause: error })
    await overflow(session)
  }
  await session.transport.output.flush()
  return true
}

/** The responses that NOTIFY SET STATUS asks for before its OK (§3.1). */
export async function tellStatus(session: AuthenticatedSession, notify: Notify): Promise<void> {
  const { platform, state } = session
  for (const folder of await listFolders(platform, state.owner.mailboxId)) {
    const events = eventsFor(notify, [folder])
    if (!events.has('MessageNew') || isSelectedFolder(session, folder.id)) continue
    const knows = session.enabled.has('CONDSTORE') || events.has('FlagChange')
    await session.transport.output.write(await encodeStatus(session, folder, statusItems(events, knows)))
  }
}

async function tellPending(session: AuthenticatedSession, notify: Notify): Promise<void> {
  if (!hasPending(notify)) return
  const { pending } = notify
  notify.pending = nothingPending() // before the read: what happens during it is told the next time
  if (pending.overflown) return await overflow(session)
  const { platform, state } = session
  const { mailboxId } = state.owner
  const folders = await listFolders(platform, mailboxId)
  const isAboutNames = pending.names.size + pending.subscriptions.size > 0
  const lost = isAboutNames ? await listLostSubscriptions(platform, mailboxId) : []
  const lines = [
    ...nameLines(session, notify, pending, folders, lost),
    ...(await statusLines(session, notify, pending, folders)),
    ...metadataLines(session, notify, pending, folders),
  ]
  for (const line of lines) await session.transport.output.write(line)
}

/** §5.8: as if the client had sent NOTIFY NONE. */
async function overflow(session: Session): Promise<void> {
  session.notify = createNotify([])
  await session.transport.output.write('* OK [NOTIFICATIONOVERFLOW] No more notifications\r\n')
}

/** §5.4 and §5.5. */
function nameLines(
  session: Session,
  notify: Notify,
  { names, subscriptions }: Pending,
  folders: readonly Folder[],
  lost: readonly string[],
): string[] {
  if (names.size + subscriptions.size === 0) return []
  const entries = new Map(selectEntries(folders, lost, everything).map((entry) => [entry.path, entry]))
  const subscribed = new Set([
    ...folders.filter((folder) => folder.subscribed).map(({ path }) => path),
    ...lost,
  ])
  const nameOf = (path: string) => ({ path, subscribed: subscribed.has(path) })
  const wanted = (event: NotifyEvent, ...paths: string[]): boolean =>
    eventsFor(notify, paths.map(nameOf)).has(event)
  const line = (path: string): string => {
    const missing = ['\\NonExistent', ...(subscribed.has(path) ? ['\\Subscribed'] : [])]
    return listLine(session, 'LIST', { path, attributes: entries.get(path)?.attributes ?? missing })
  }
  const told = new Map<string, string>()
  for (const [path, { from }] of names) {
    if (!wanted('MailboxName', path, ...(from === null ? [] : [from]))) continue
    const oldName = from === null ? '' : ` ("OLDNAME" (${encodeMailbox(from, nameEncodingOf(session))}))`
    told.set(path, `${line(path)}${oldName}\r\n`)
  }
  for (const [path, isSubscribed] of subscriptions) {
    const isWanted =
      wanted('SubscriptionChange', path) ||
      eventsFor(notify, [{ path, subscribed: !isSubscribed }]).has('SubscriptionChange') // it was so before
    if (isWanted && !told.has(path)) told.set(path, `${line(path)}\r\n`)
  }
  return [...told.values()]
}

const everything = {
  extended: true,
  select: { subscribed: false, remote: false, recursiveMatch: false, specialUse: false },
  reference: '',
  patterns: ['*'],
  returns: { subscribed: true, children: true, specialUse: true, status: null, metadata: null },
} as const

/** §5.1 to §5.3, of mailboxes that are not selected. */
async function statusLines(
  session: Session,
  notify: Notify,
  { messages, flags }: Pending,
  folders: readonly Folder[],
): Promise<string[]> {
  const lines: string[] = []
  for (const folder of folders) {
    if (isSelectedFolder(session, folder.id)) continue
    const events = eventsFor(notify, [folder])
    const isWanted =
      (messages.has(folder.id) && events.has('MessageNew')) ||
      (flags.has(folder.id) && events.has('FlagChange'))
    if (!isWanted) continue
    const items = statusItems(events, session.enabled.has('CONDSTORE'))
    lines.push(await encodeStatus(session, folder, items))
  }
  return lines
}

/** How many are unseen shows a change of flags to a client that does not know MODSEQs (§5.1). */
function statusItems(events: ReadonlySet<NotifyEvent>, knowsModseqs: boolean): StatusItem[] {
  return [
    'MESSAGES',
    'UIDNEXT',
    'UIDVALIDITY',
    ...(events.has('FlagChange') ? (['UNSEEN'] as const) : []),
    ...(knowsModseqs ? (['HIGHESTMODSEQ'] as const) : []),
  ]
}

/** §5.6 and §5.7: the names of the entries, whose values the client may read (RFC 5464 §4.4.2). */
function metadataLines(
  session: Session,
  notify: Notify,
  { annotations }: Pending,
  folders: readonly Folder[],
): string[] {
  return [...annotations].flatMap(([folderId, entries]) => {
    const list = [...entries].map((entry) => encodeAstring(entry)).join(' ')
    // A group that asks for it does so whatever its mailboxes are.
    if (folderId === null) return [`* METADATA "" ${list}\r\n`]
    const folder = folders.find(({ id }) => id === folderId)
    if (folder === undefined || !eventsFor(notify, [folder]).has('MailboxMetadataChange')) return []
    return [`* METADATA ${encodeMailbox(folder.path, nameEncodingOf(session))} ${list}\r\n`]
  })
}

function isSelectedFolder(session: Session, folderId: string): boolean {
  return isSelected(session) && session.state.view.folderId === folderId
}
