/** IDLE, RFC 2177: news are told as they happen, until the client says DONE; which, NOTIFY says (RFC 5465 §4). */
import { setTimeout as sleep } from 'node:timers/promises'
import { imapLimits } from '../limits.ts'
import { hasNewsToTell, tellNews } from '../notify.ts'
import { bad, ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import { isIdleDone } from '../syntax/parse-session-commands.ts'

export async function idle(session: AuthenticatedSession): Promise<Reply | null> {
  const { input, output } = session.transport
  input.expectLine()
  await output.write('+ idling\r\n')
  for (;;) {
    await tellNews(session, { expunge: true })
    await output.flush()
    if (session.transport.isEnding) return null // BYE is the answer
    const event = input.poll()
    if (event === null) {
      if (hasNewsToTell(session)) continue
      await input.news()
      if (hasNewsToTell(session)) await sleep(imapLimits.idleCoalesceMs)
    } else if (event.kind === 'line')
      return isIdleDone(event.bytes) ? ok('IDLE completed') : bad('Expected DONE')
    else return event.kind === 'closed' ? null : bad('Line too long')
  }
}
