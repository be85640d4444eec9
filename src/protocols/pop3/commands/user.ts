/** USER, RFC 1939 §7. Whether there is such a mailbox is not told. */
import { mayLogIn } from '../capabilities.ts'
import { tlsNeeded } from '../log-in.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthorizationSession, enter } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export function user(session: AuthorizationSession, { username }: CommandOf<'USER'>): Reply {
  if (!mayLogIn(session)) return tlsNeeded
  enter(session, { name: 'authorization', username })
  return ok('Now the password')
}
