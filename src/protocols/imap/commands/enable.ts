/** ENABLE, RFC 9051 §6.3.1: what is not known is ignored, and nothing that can be enabled is offered yet. */
import { ok, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'

export async function enable(session: Session): Promise<Reply> {
  await session.transport.output.write('* ENABLED\r\n')
  return ok('ENABLE completed')
}
