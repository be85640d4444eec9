/** LOGIN, RFC 9051 §6.2.3, and what it shares with AUTHENTICATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { logIn, loginFailureDelayMs, loginFailuresMax } from '../../../mailboxes/login.ts'
import { capabilitiesOf, mayLogIn } from '../capabilities.ts'
import { no, ok, type Reply } from '../reply.ts'
import { enterMailbox, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function login(session: Session, command: CommandOf<'LOGIN'>): Promise<Reply> {
  if (!mayLogIn(session)) return tlsNeeded
  return await logInWith(session, command.username, command.password)
}

/** RFC 5530 §3. */
export const tlsNeeded = no('PRIVACYREQUIRED', 'Use STARTTLS before you log in')

/** Checks a password. A refusal comes late, and after a few of them the connection closes. */
export async function logInWith(session: Session, username: string, password: string): Promise<Reply> {
  const { platform, transport } = session
  const found = await logIn(platform, 'imap', username, password)
  if (found !== null) {
    const { organizationId, workspaceId, mailboxId } = found
    enterMailbox(session, { organizationId, workspaceId, mailboxId })
    return ok('Logged in', `CAPABILITY ${capabilitiesOf(session)}`)
  }
  session.loginsRefused += 1
  await sleep(loginFailureDelayMs)
  if (session.loginsRefused >= loginFailuresMax) transport.end('Too many refused logins')
  return no('AUTHENTICATIONFAILED', 'Wrong address or password')
}
