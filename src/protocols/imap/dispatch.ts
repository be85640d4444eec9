/** Runs one command: its state is checked, its time is measured, and the news of its folder go before its answer. */
import { Refusal } from '../../platform/errors.ts'
import { ConnectionClosed } from '../output.ts'
import type { CommandEntry } from './command-entry.ts'
import { commandTable } from './command-table.ts'
import { noteCondstore, toldModseq } from './condstore.ts'
import { ResponseBrokenOff } from './output.ts'
import { no, type Reply, refusalReply } from './reply.ts'
import { isSelected, type Session } from './session.ts'
import type { CommandName, ImapCommand } from './syntax/commands.ts'
import { announceChanges, type Updates } from './updates.ts'

export async function dispatch(session: Session, command: ImapCommand): Promise<Reply | null> {
  const entry: CommandEntry<CommandName> = commandTable[command.name]
  const label = 'uid' in command && command.uid ? `UID ${command.name}` : command.name
  return await guarded(session, label, async () => {
    await noteCondstore(session, command)
    const reply = await entry.run(session, command)
    return await withUpdates(session, reply, entry.updates(command), entry)
  })
}

/** Tells the news that may be told now. */
export async function withUpdates(
  session: Session,
  reply: Reply | null,
  updates: Updates,
  { looks, removes }: { looks: boolean; removes: boolean },
): Promise<Reply | null> {
  if (updates === 'none' || !isSelected(session)) return reply
  await announceChanges(session, { expunge: updates === 'all', look: looks, anyway: removes })
  const { view } = session.state
  if (reply?.code?.startsWith('HIGHESTMODSEQ ')) {
    return { ...reply, code: `HIGHESTMODSEQ ${toldModseq(view)}` } // the news may have brought the client further
  }
  // RFC 5530: a NOOP would bring the client what it cannot be told now.
  const withheld = view.gone.size > 0 && reply?.condition === 'OK' && reply.code === null
  return withheld ? { ...reply, code: 'EXPUNGEISSUED' } : reply
}

/** What a command must not do to its connection: an error becomes its answer, and the connection lives on. */
export async function guarded(
  session: Session,
  label: string,
  run: () => Promise<Reply | null>,
): Promise<Reply | null> {
  const { platform } = session
  const endTimer = platform.metrics.imapCommands.startTimer({ command: label })
  const reply = await run().catch((error: unknown) => {
    if (error instanceof ConnectionClosed || error instanceof ResponseBrokenOff) throw error
    if (error instanceof Refusal) return refusalReply(error)
    platform.log.error({ event: 'imap.command_failed', command: label, cause: error })
    return no('SERVERBUG', 'Something went wrong on our side')
  })
  endTimer({ result: reply?.condition.toLowerCase() ?? 'none' })
  return reply
}
