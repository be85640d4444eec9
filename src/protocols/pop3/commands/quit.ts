/** QUIT, RFC 1939 §4 and §6: the only way into the UPDATE state, where what is marked is deleted. */
import { err, ok, type Reply } from '../reply.ts'
import { enter, isInTransaction, type Session } from '../session.ts'

export async function quit(session: Session): Promise<Reply> {
  const { state } = session
  const wasInTransaction = isInTransaction(session)
  enter(session, { name: 'update' }) // RFC 1939 §6: whatever comes of it, the session is over
  if (!wasInTransaction || state.name !== 'transaction') return ok('Goodbye')
  const outcome = await state.maildrop.update()
  return outcome === 'updated'
    ? ok('Goodbye')
    : err('The lock on the maildrop was lost, so nothing was deleted', 'SYS/TEMP')
}
