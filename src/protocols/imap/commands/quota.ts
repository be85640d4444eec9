/**
 * GETQUOTA, GETQUOTAROOT and SETQUOTA, RFC 9208 §4.1. All folders of a mailbox share one quota root, whose name is
 * empty as in RFC 2087; what is not limited is not listed (§4.2.1).
 */
import { quotaOf } from '../../../messages/quotas.ts'
import { no, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, nameEncodingOf } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeMailbox } from '../syntax/encode.ts'

const rootName = ''

const noSuchRoot = no('NONEXISTENT', 'There is no such quota root')

export async function getQuota(
  session: AuthenticatedSession,
  command: CommandOf<'GETQUOTA'>,
): Promise<Reply> {
  if (command.root !== rootName) return noSuchRoot
  await session.transport.output.write(await encodeQuota(session))
  return ok('GETQUOTA completed')
}

/** Also for a mailbox that does not exist: it would have that root (§4.1.2). */
export async function getQuotaRoot(
  session: AuthenticatedSession,
  command: CommandOf<'GETQUOTAROOT'>,
): Promise<Reply> {
  const { output } = session.transport
  const mailbox = encodeMailbox(command.mailbox, nameEncodingOf(session))
  await output.write(`* QUOTAROOT ${mailbox} "${rootName}"\r\n`)
  await output.write(await encodeQuota(session))
  return ok('GETQUOTAROOT completed')
}

/** Who owns the account sets the limits, by the API: QUOTASET is not offered. */
export function setQuota(_session: AuthenticatedSession, command: CommandOf<'SETQUOTA'>): Reply {
  if (command.root !== rootName) return noSuchRoot
  return no('NOPERM', 'The quota is set by the owner of the account')
}

async function encodeQuota({ platform, state }: AuthenticatedSession): Promise<string> {
  const { usage, limits } = await quotaOf(platform, state.owner)
  const resources = [
    ...(limits.bytes === null ? [] : [`STORAGE ${toStorage(usage.bytes)} ${toStorage(limits.bytes)}`]),
    ...(limits.messages === null ? [] : [`MESSAGE ${usage.messages} ${limits.messages}`]),
    `MAILBOX ${usage.folders} ${limits.folders}`,
  ]
  return `* QUOTA "${rootName}" (${resources.join(' ')})\r\n`
}

/** STORAGE counts units of 1,024 octets (§5.1). */
function toStorage(bytes: number): number {
  return Math.ceil(bytes / 1024)
}
