/** UNSELECT, RFC 9051 §6.4.2: leaves the folder as it is. */
import { ok, type Reply } from '../reply.ts'
import { enter, type SelectedSession } from '../session.ts'

export function unselect(session: SelectedSession): Reply {
  leaveFolder(session)
  return ok('UNSELECT completed')
}

/** From selected back to authenticated. */
export function leaveFolder(session: SelectedSession): void {
  enter(session, { name: 'authenticated', owner: session.state.owner })
}
