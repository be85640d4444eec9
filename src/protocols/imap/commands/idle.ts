/** IDLE, RFC 2177: the folder's news are told as they happen, until the client says DONE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { imapLimits } from '../limits.ts'
import { bad, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, isSelected, type Session } from '../session.ts'
import { isIdleDone } from '../syntax/parse-session-commands.ts'
import { announceChanges } from '../updates.ts'

export async function idle(session: AuthenticatedSession): Promise<Reply | null> {
  const { input, output } = session.transport
  input.expectLine()
  await output.write('+ idling\r\n')
  for (;;) {
    if (isSelected(session)) await announceChanges(session, { expunge: true, look: false })
    await output.flush()
    if (session.transport.isEnding) return null // BYE is the answer
    const event = input.poll()
    if (event === null) {
      if (isStale(session)) continue
      await input.news()
      if (isStale(session)) await sleep(imapLimits.idleCoalesceMs)
    } else if (event.kind === 'line')
      return isIdleDone(event.bytes) ? ok('IDLE completed') : bad('Expected DONE')
    else return event.kind === 'closed' ? null : bad('Line too long')
  }
}

function isStale(session: Session): boolean {
  return isSelected(session) && session.state.view.stale
}
