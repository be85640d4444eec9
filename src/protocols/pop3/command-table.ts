/** Every command: the state that allows it (RFC 1939 §4 to §6), and its handler. */
import { auth } from './commands/auth.ts'
import { capa } from './commands/capa.ts'
import { dele } from './commands/dele.ts'
import { list } from './commands/list.ts'
import { noop } from './commands/noop.ts'
import { pass } from './commands/pass.ts'
import { quit } from './commands/quit.ts'
import { retr } from './commands/retr.ts'
import { rset } from './commands/rset.ts'
import { stat } from './commands/stat.ts'
import { stls } from './commands/stls.ts'
import { top } from './commands/top.ts'
import { uidl } from './commands/uidl.ts'
import { user } from './commands/user.ts'
import { utf8 } from './commands/utf8.ts'
import { bad, type Reply } from './reply.ts'
import {
  type AuthorizationSession,
  isBeforeLogin,
  isInTransaction,
  type Session,
  type TransactionSession,
} from './session.ts'
import type { CommandName, CommandOf, Pop3Command } from './syntax/command.ts'

/** null: it answered itself. */
type Answer = Promise<Reply | null> | Reply | null

export type CommandEntry<Name extends CommandName> = {
  run(session: Session, command: CommandOf<Name>): Promise<Reply | null>
}
/** The entry of a command that is known at run time only. */
export type AnyCommandEntry = { run(session: Session, command: Pop3Command): Promise<Reply | null> }

export const commandTable: { readonly [Name in CommandName]: CommandEntry<Name> } = {
  CAPA: inAnyState(capa),
  QUIT: inAnyState(quit),

  USER: beforeLogin(user),
  PASS: beforeLogin(pass),
  AUTH: beforeLogin(auth),
  STLS: beforeLogin(stls),
  UTF8: beforeLogin(utf8),
  // Its digest is MD5 over the password, which would have to be at hand in clear (RFC 1939 §7).
  APOP: beforeLogin(() => bad('APOP is not offered; use AUTH')),

  STAT: afterLogin(stat),
  LIST: afterLogin(list),
  UIDL: afterLogin(uidl),
  RETR: afterLogin(retr),
  TOP: afterLogin(top),
  DELE: afterLogin(dele),
  NOOP: afterLogin(noop),
  RSET: afterLogin(rset),

  LANG: inAnyState(() => bad('English is the only language here')), // RFC 6856 §3 is not offered
}

function inAnyState<Name extends CommandName>(
  handle: (session: Session, command: CommandOf<Name>) => Answer,
): CommandEntry<Name> {
  return { run: async (session, command) => await handle(session, command) }
}

function beforeLogin<Name extends CommandName>(
  handle: (session: AuthorizationSession, command: CommandOf<Name>) => Answer,
): CommandEntry<Name> {
  return {
    run: async (session, command) =>
      isBeforeLogin(session) ? await handle(session, command) : bad('You are logged in already'),
  }
}

function afterLogin<Name extends CommandName>(
  handle: (session: TransactionSession, command: CommandOf<Name>) => Answer,
): CommandEntry<Name> {
  return {
    run: async (session, command) =>
      isInTransaction(session) ? await handle(session, command) : bad('Log in first'),
  }
}
