/** CANCELUPDATE, RFC 5267 §4.3.5. */
import { no, ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export function cancelUpdate({ state }: SelectedSession, { tags }: CommandOf<'CANCELUPDATE'>): Reply {
  const known = tags.map((tag) => state.view.followers.delete(tag))
  return known.every(Boolean)
    ? ok('No further updates')
    : no('CLIENTBUG', 'Some of these have no updates to cancel')
}
