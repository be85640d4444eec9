/** CAPABILITY, RFC 9051 §6.1.1. */
import { capabilitiesOf } from '../capabilities.ts'
import { ok, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'

export async function capability(session: Session): Promise<Reply> {
  await session.transport.output.write(`* CAPABILITY ${capabilitiesOf(session)}\r\n`)
  return ok('CAPABILITY completed')
}
