/** CAPA, RFC 2449 §5. */
import { capabilitiesOf } from '../capabilities.ts'
import { encodeReply, ok } from '../reply.ts'
import type { Session } from '../session.ts'

export async function capa(session: Session): Promise<null> {
  const lines = await capabilitiesOf(session)
  const list = lines.map((line) => `${line}\r\n`).join('')
  await session.transport.output.write(`${encodeReply(ok('Capabilities follow'))}${list}.\r\n`)
  return null
}
