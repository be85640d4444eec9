/** LOGOUT, RFC 9051 §6.1.3. */
import { ok, type Reply } from '../reply.ts'
import { enter, type Session } from '../session.ts'

export async function logout(session: Session): Promise<Reply> {
  await session.transport.output.write('* BYE Good bye\r\n')
  enter(session, { name: 'logout' })
  return ok('LOGOUT completed')
}
