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
  const source = { protocol: 'pop3', remoteAddress: session.transport.remoteAddress } as const
  const outcome = await logIn(session.platform, source, username, password)
  switch (outcome.kind) {
    case 'accepted':
      return await enterMaildrop(session, outcome.login)
    case 'refused':
      return await refuseLogin(session, 'credentials')
    case 'locked':
      return await refuseLogin(session, 'locked')
  }
}
