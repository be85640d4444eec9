/** Runs one command: its state is checked, its time is measured, and an error becomes its answer. */
import { Refusal } from '../../platform/errors.ts'
import { ConnectionClosed } from '../output.ts'
import { type AnyCommandEntry, commandTable } from './command-table.ts'
import { err, type Reply, refusalReply } from './reply.ts'
import { ResponseBrokenOff } from './send-message.ts'
import type { Session } from './session.ts'
import type { Pop3Command } from './syntax/command.ts'

/** @returns null when the command has answered itself. @throws ConnectionClosed, ResponseBrokenOff. */
export async function dispatch(session: Session, command: Pop3Command): Promise<Reply | null> {
  const { platform } = session
  const entry: AnyCommandEntry = commandTable[command.name]
  const endTimer = platform.metrics.pop3Commands.startTimer({ command: command.name })
  const reply = await entry.run(session, command).catch((error: unknown) => {
    if (error instanceof ConnectionClosed || error instanceof ResponseBrokenOff) throw error
    if (error instanceof Refusal) return refusalReply(error)
    platform.log.error({ event: 'pop3.command_failed', command: command.name, cause: error })
    return err('Something went wrong on our side', 'SYS/TEMP')
  })
  endTimer({ result: reply === null || reply.ok ? 'ok' : 'err' })
  return reply
}
