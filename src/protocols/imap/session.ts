/**
 * The session of one connection, RFC 9051 §3:
 *   not-authenticated -> authenticated <-> selected, and from each of them -> logout.
 */

import { type MailboxLogin, whyLoginsEnd } from '../../mailboxes/login.ts'
import { followExpiry } from '../../mailboxes/login-expiry.ts'
import type { SaslTls } from '../../mailboxes/sasl.ts'
import { fieldOf } from '../../messages/folder-event-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { EventListener, PublishedEvent } from '../../platform/event-bus.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Output } from '../output.ts'
import type { Input } from './input.ts'
import { type Notify, noteEvent, noteOwnEvent } from './notify-state.ts'
import type { MailboxNameEncoding } from './syntax/mailbox-name.ts'
import type { FolderView } from './view.ts'

export type SessionState =
  | { name: 'not-authenticated' }
  | { name: 'authenticated'; owner: MailboxOwner }
  | { name: 'selected'; owner: MailboxOwner; view: FolderView }
  | { name: 'logout' }

/** What a session needs of its connection. */
export type Transport = {
  readonly listener: 'imap' | 'imaps'
  readonly remoteAddress: string
  /** null before TLS. */
  readonly tls: SaslTls
  readonly isCompressed: boolean
  readonly input: Input
  readonly output: Output
  /** Discards what was sent ahead, sends `response` and negotiates. Resolves to false when that failed. */
  startTls(response: string): Promise<boolean>
  /** Sends `response`; what follows is compressed, both ways. */
  startCompression(response: string): Promise<void>
  /** Sends `response`; what follows is not. */
  stopCompression(response: string): Promise<void>
  /** The client may now be silent for longer. */
  loggedIn(): void
  loggedOut(): void
  /** After the command in hand: `* BYE text`, and the connection closes. */
  end(text: string): void
  /** Whether end() was called, here or by the listener. */
  readonly isEnding: boolean
}

/** What a client may ENABLE (RFC 9051 §6.3.1), and what some of its commands enable by themselves (RFC 7162 §3.1). */
export const extensionsToEnable = ['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'IMAP4rev2'] as const
export type EnabledExtension = (typeof extensionsToEnable)[number]

export type Session = {
  readonly platform: Platform
  readonly transport: Transport
  state: SessionState
  readonly enabled: Set<EnabledExtension>
  /** null until the client uses NOTIFY: it hears of its selected mailbox. */
  notify: Notify | null
  loginsRefused: number
  /** Ends what was subscribed to. */
  release: () => void
}

export type AuthenticatedSession = Session & { state: { owner: MailboxOwner } }
export type SelectedSession = Session & { state: { name: 'selected' } }

export function createSession(platform: Platform, transport: Transport): Session {
  return {
    platform,
    transport,
    state: { name: 'not-authenticated' },
    enabled: new Set(),
    notify: null,
    loginsRefused: 0,
    release: () => {},
  }
}

/** How mailbox names cross the wire, both ways: UTF-8 once the client asked for it (RFC 6855 §3, RFC 9051 §5.1). */
export function nameEncodingOf({ enabled }: Session): MailboxNameEncoding {
  return enabled.has('UTF8=ACCEPT') || enabled.has('IMAP4rev2') ? 'utf-8' : 'modified-utf-7'
}

export function isAuthenticated(session: Session): session is AuthenticatedSession {
  return session.state.name === 'authenticated' || session.state.name === 'selected'
}

export function isSelected(session: Session): session is SelectedSession {
  return session.state.name === 'selected'
}

export function enter(session: Session, state: SessionState): void {
  session.state = state
}

/** After a login: follows what happens to the mailbox. */
export function enterMailbox(session: Session, login: MailboxLogin): void {
  const { organizationId, workspaceId, mailboxId } = login
  const owner: MailboxOwner = { organizationId, workspaceId, mailboxId }
  const origin = Symbol('IMAP session')
  enter(session, { name: 'authenticated', owner: { ...owner, origin } })
  const listener: EventListener = (event) => {
    const farewell = whyLoginsEnd(event, login)
    if (farewell !== null) return session.transport.end(farewell)
    const concerns = isSelected(session) && concernsFolder(event, session.state.view.folderId)
    if (concerns && isNews(event, session.state.view)) session.state.view.stale = true
    if (session.notify !== null) {
      if (event.origin !== origin) noteEvent(session.notify, event)
      else if (concerns) noteOwnEvent(session.notify, event)
    }
    if (concerns || session.notify !== null) session.transport.input.wake()
  }
  const unsubscribe = session.platform.bus.subscribeMailbox(owner.mailboxId, listener)
  const forgetExpiry = followExpiry(session.platform, login, (farewell) => session.transport.end(farewell))
  session.release = () => {
    unsubscribe()
    forgetExpiry()
  }
  session.transport.loggedIn()
}

/** Back to the state before the login (RFC 8437 §3). Refused logins stay counted: they are the connection's. */
export function leaveMailbox(session: Session): void {
  session.release()
  session.release = () => {}
  enter(session, { name: 'not-authenticated' })
  session.enabled.clear()
  session.notify = null
  session.transport.loggedOut()
}

function concernsFolder({ data }: PublishedEvent, folderId: string): boolean {
  return fieldOf(data, 'folder_id') === folderId || fieldOf(data, 'from_folder_id') === folderId
}

/** Not what the view has come to already, by the session's own change or by a look at the database. */
function isNews({ data }: PublishedEvent, view: FolderView): boolean {
  const modseq = fieldOf(data, 'folder_id') === view.folderId ? fieldOf(data, 'highest_modseq') : null
  return typeof modseq !== 'number' || modseq > view.modseq
}
