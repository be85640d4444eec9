/**
 * The session of one connection, RFC 1939 §3:
 *   authorization -> transaction -> update, and from each of them the connection may simply end.
 */
import type { TLSSocket } from 'node:tls'
import { type MailboxLogin, whyLoginsEnd } from '../../mailboxes/login.ts'
import { followExpiry } from '../../mailboxes/login-expiry.ts'
import type { Maildrop } from '../../messages/maildrop/maildrop.ts'
import type { MaildropLocks } from '../../messages/maildrop/maildrop-locks.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Output } from '../output.ts'
import type { Input } from './input.ts'
import { err, type Reply } from './reply.ts'

export type SessionState =
  /** `username`: what USER said. */
  | { name: 'authorization'; username: string | null }
  | { name: 'transaction'; maildrop: Maildrop }
  /** QUIT was said. */
  | { name: 'update' }

/** What a session needs of its connection. */
export type Transport = {
  readonly listener: 'pop3' | 'pop3s'
  readonly remoteAddress: string
  /** null without TLS. */
  readonly tls: TLSSocket | null
  readonly input: Input
  readonly output: Output
  /** Discards what was sent ahead, sends `response` and negotiates. Resolves to false when that failed. */
  startTls(response: string): Promise<boolean>
  /** After the command in hand: the reply, if any, and the connection closes. */
  end(reply: Reply | null): void
  /** Whether end() was called, here or by the listener. */
  readonly isEnding: boolean
}

export type Session = {
  readonly platform: Platform
  readonly locks: MaildropLocks
  readonly transport: Transport
  state: SessionState
  /** RFC 6856 §2.1: the client takes UTF-8. */
  utf8: boolean
  loginsRefused: number
  /** Gives back what the session has. Never rejects. */
  release: () => Promise<void>
}

export type AuthorizationSession = Session & { state: { name: 'authorization' } }
export type TransactionSession = Session & { state: { name: 'transaction' } }

export function createSession(platform: Platform, locks: MaildropLocks, transport: Transport): Session {
  return {
    platform,
    locks,
    transport,
    state: { name: 'authorization', username: null },
    utf8: false,
    loginsRefused: 0,
    release: async () => {},
  }
}

export function isBeforeLogin(session: Session): session is AuthorizationSession {
  return session.state.name === 'authorization'
}

export function isInTransaction(session: Session): session is TransactionSession {
  return session.state.name === 'transaction'
}

export function enter(session: Session, state: SessionState): void {
  session.state = state
}

/** After a login: has the maildrop until the end, and follows what happens to the mailbox. */
export function enterTransaction(session: Session, login: MailboxLogin, maildrop: Maildrop): void {
  const { platform, transport } = session
  const unsubscribe = platform.bus.subscribeMailbox(login.mailboxId, (event) => {
    const farewell = whyLoginsEnd(event, login)
    if (farewell !== null) transport.end(err(farewell, 'AUTH'))
  })
  const forgetExpiry = followExpiry(platform, login, (farewell) => transport.end(err(farewell, 'AUTH')))
  session.release = async () => {
    unsubscribe()
    forgetExpiry()
    await maildrop.leave()
  }
  enter(session, { name: 'transaction', maildrop })
}
