/** NAMESPACE, RFC 2342: one personal namespace without a prefix, and no others. */
import { ok, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'
import { hierarchyDelimiter } from '../syntax/mailbox-name.ts'

export async function namespace(session: Session): Promise<Reply> {
  await session.transport.output.write(`* NAMESPACE (("" "${hierarchyDelimiter}")) NIL NIL\r\n`)
  return ok('NAMESPACE completed')
}
