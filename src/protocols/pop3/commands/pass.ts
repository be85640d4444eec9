/** PASS, RFC 1939 §7. */
import { logIn } from '../../../mailboxes/login.ts'
import { mayLogIn } from '../capabilities.ts'
import { enterMaildrop, refuseLogin, tlsNeeded } from '../log-in.ts'
import { bad, type Reply } from '../reply.ts'
import { type AuthorizationSession, enter } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export async function pass(session: AuthorizationSession, { password }: CommandOf<'PASS'>): Promise<Reply> {
  if (!mayLogIn(session)) return tlsNeeded
  const { username } = session.state
  if (username === null) return bad('USER comes first')
  enter(session, { name: 'authorization', username: null }) // after a refusal USER begins again
  const login = await logIn(session.platform, 'pop3', username, password)
  if (login === null) return await refuseLogin(session, 'Wrong address or password')
  return await enterMaildrop(session, login)
}
