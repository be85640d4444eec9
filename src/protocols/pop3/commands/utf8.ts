/** UTF8, RFC 6856 §2.1. */
import { ok, type Reply } from '../reply.ts'
import type { AuthorizationSession } from '../session.ts'

export function utf8(session: AuthorizationSession): Reply {
  session.utf8 = true
  return ok('UTF-8 it is')
}
