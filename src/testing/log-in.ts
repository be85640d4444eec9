/** For tests of who may log in: the outcome of one attempt, as short as it can be asked for. */
import { type LoginProtocol, logIn, type MailboxLogin } from '../mailboxes/login.ts'
import type { Platform } from '../platform/platform.ts'

/** @returns the login; null for one that is refused or locked. */
export async function tryLogin(
  platform: Platform,
  protocol: LoginProtocol,
  username: string,
  password: string,
  remoteAddress = '127.0.0.1',
): Promise<MailboxLogin | null> {
  const outcome = await logIn(platform, { protocol, remoteAddress }, username, password)
  return outcome.kind === 'accepted' ? outcome.login : null
}
