/** LOGIN, RFC 9051 §6.2.3, and what it shares with AUTHENTICATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { logIn, loginFailureDelayMs, loginFailuresMax, type MailboxLogin } from '../../../mailboxes/login.ts'
import { capabilitiesOf, mayLogIn } from '../capabilities.ts'
import { no, ok, type Reply } from '../reply.ts'
import { enterMailbox, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function login(session: Session, { username, password }: CommandOf<'LOGIN'>): Promise<Reply> {
  if (!mayLogIn(session)) return tlsNeeded
  const { platform, transport } = session
  const source = { protocol: 'imap', remoteAddress: transport.remoteAddress } as const
  const outcome = await logIn(platform, source, username, password)
  switch (outcome.kind) {
    case 'accepted':
      return loginAccepted(session, outcome.login)
    case 'refused':
      return await loginRefused(session, wrongPassword)
    case 'locked':
      return await loginRefused(session, loginLocked)
  }
}

/** RFC 5530 §3: a client asks its owner for another password. */
export const wrongPassword = no('AUTHENTICATIONFAILED', 'Wrong address or password')
/** RFC 5530 §3: nobody looked at the password, and a client that has the right one keeps it and comes back. */
export const loginLocked = no('UNAVAILABLE', 'Too many wrong passwords; try again later')

/** RFC 5530 §3. */
export const tlsNeeded = no('PRIVACYREQUIRED', 'Use STARTTLS before you log in')

export function loginAccepted(session: Session, found: MailboxLogin): Reply {
  enterMailbox(session, found)
  return ok('Logged in', `CAPABILITY ${capabilitiesOf(session)}`)
}

/** A refusal comes late, and after a few of them the connection closes. */
export async function loginRefused(session: Session, refusal: Reply): Promise<Reply> {
  session.loginsRefused += 1
  await sleep(loginFailureDelayMs)
  if (session.loginsRefused >= loginFailuresMax) session.transport.end('Too many refused logins')
  return refusal
}
