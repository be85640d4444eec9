/** NOTIFY, RFC 5465 §3.1. */
import { tellStatus } from '../notify.ts'
import { createNotify } from '../notify-state.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, isSelected } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { announceChanges } from '../updates.ts'

export async function notify(
  session: AuthenticatedSession,
  { status, groups }: CommandOf<'NOTIFY'>,
): Promise<Reply> {
  session.notify = null // §3.1: SET tells all that has gathered, whatever was asked for before and is now
  if (groups.length > 0 && isSelected(session)) await announceChanges(session, { expunge: true, look: true })
  const next = createNotify(groups)
  session.notify = next // before what is read: what happens during it is told after it
  if (status) await tellStatus(session, next)
  return ok('NOTIFY completed')
}
