/** ID, RFC 2971: what a client says of itself goes to the log, for whoever looks for its quirks. */
import { ok, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

const loggedFields = new Set(['name', 'version', 'os', 'vendor'])

export async function id(session: Session, command: CommandOf<'ID'>): Promise<Reply> {
  const client = (command.fields ?? []).filter(([field]) => loggedFields.has(field.toLowerCase()))
  session.platform.log.debug({ event: 'imap.client', client: Object.fromEntries(client) })
  await session.transport.output.write('* ID ("name" "Mailwright")\r\n')
  return ok('ID completed')
}
