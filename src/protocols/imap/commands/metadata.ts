/** GETMETADATA and SETMETADATA, RFC 5464 §4.2 and §4.3. */
import { type Folder, findFolder } from '../../../messages/folders.ts'
import { encodeMetadata, readMetadata, writeMetadata } from '../metadata.ts'
import { no, ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

const noSuchMailbox = no('NONEXISTENT', 'There is no such mailbox')

export async function getMetadata(
  session: AuthenticatedSession,
  command: CommandOf<'GETMETADATA'>,
): Promise<Reply> {
  const target = await findTarget(session, command.mailbox)
  if (target === undefined) return noSuchMailbox
  const { values, longestBytes } = await readMetadata(session, [target], command)
  const [own = []] = values
  if (own.length > 0) {
    await session.transport.output.write(encodeMetadata(session, target?.path ?? null, own))
  }
  return ok('GETMETADATA completed', longEntries(longestBytes))
}

export async function setMetadata(
  session: AuthenticatedSession,
  command: CommandOf<'SETMETADATA'>,
): Promise<Reply> {
  const target = await findTarget(session, command.mailbox)
  if (target === undefined) return noSuchMailbox
  await writeMetadata(session, target?.id ?? null, command.values)
  return ok('SETMETADATA completed')
}

/** §4.2.1. */
function longEntries(longestBytes: number): string | null {
  return longestBytes > 0 ? `METADATA LONGENTRIES ${longestBytes}` : null
}

/** @returns null for the server, undefined for a mailbox that does not exist. */
async function findTarget(
  { platform, state }: AuthenticatedSession,
  mailbox: string | null,
): Promise<Folder | null | undefined> {
  if (mailbox === null) return null
  return (await findFolder(platform, state.owner.mailboxId, mailbox)) ?? undefined
}
