/** One row of the command table, for any command. */
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { CommandName, CommandOf } from './syntax/commands.ts'
import type { Updates } from './updates.ts'

export type CommandEntry<Name extends CommandName> = {
  /** null: it answered itself. */
  run(session: Session, command: CommandOf<Name>): Promise<Reply | null>
  /** What may be told of the folder before the answer. */
  updates(command: CommandOf<Name>): Updates
  /** Whether the database is asked even when no event told of a change. */
  looks: boolean
  /** Whether it removes messages, so that the client must be told, also one that asked for no news (RFC 5465). */
  removes: boolean
}
