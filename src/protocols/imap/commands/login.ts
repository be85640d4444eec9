/** LOGIN, RFC 9051 §6.2.3, and what it shares with AUTHENTICATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { logIn, loginFailureDelayMs, loginFailuresMax, type MailboxLogin } from '../../../mailboxes/login.ts'
import { capabilitiesOf, mayLogIn } from '../capabilities.ts'
import { no, ok, type Reply } from '../reply.ts'
import { enterMailbox, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function login(session: Session, { username, password }: CommandOf<'LOGIN'>): Promise<Reply> {
  if (!mayLogIn(session)) return tlsNeeded
  const found = await logIn(session.platform, 'imap', username, password)
  return found === null
    ? await loginRefused(session, no('AUTHENTICATIONFAILED', 'Wrong address or password'))
    : loginAccepted(session, found)
}

/** RFC 5530 §3. */
export const tlsNeeded = no('PRIVACYREQUIRED', 'Use STARTTLS before you log in')

export function loginAccepted(
  session: Session,
  { organizationId, workspaceId, mailboxId }: MailboxLogin,
): Reply {
  enterMailbox(session, { organizationId, workspaceId, mailboxId })
  return ok('Logged in', `CAPABILITY ${capabilitiesOf(session)}`)
}

/** A refusal comes late, and after a few of them the connection closes. */
export async function loginRefused(session: Session, refusal: Reply): Promise<Reply> {
  session.loginsRefused += 1
  await sleep(loginFailureDelayMs)
  if (session.loginsRefused >= loginFailuresMax) session.transport.end('Too many refused logins')
  return refusal
}
