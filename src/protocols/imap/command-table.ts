/** Every command: the states that allow it (RFC 9051 §6), its handler, and what may be told before its answer. */

import type { CommandEntry } from './command-entry.ts'
import { append } from './commands/append.ts'
import { authenticate } from './commands/authenticate.ts'
import { cancelUpdate } from './commands/cancelupdate.ts'
import { capability } from './commands/capability.ts'
import { close } from './commands/close.ts'
import { compress } from './commands/compress.ts'
import { copy } from './commands/copy.ts'
import { create } from './commands/create.ts'
import { deleteMailbox } from './commands/delete.ts'
import { enable } from './commands/enable.ts'
import { expunge } from './commands/expunge.ts'
import { fetch } from './commands/fetch.ts'
import { id } from './commands/id.ts'
import { idle } from './commands/idle.ts'
import { list } from './commands/list.ts'
import { login } from './commands/login.ts'
import { logout } from './commands/logout.ts'
import { lsub } from './commands/lsub.ts'
import { getMetadata, setMetadata } from './commands/metadata.ts'
import { move } from './commands/move.ts'
import { namespace } from './commands/namespace.ts'
import { check, noop } from './commands/noop.ts'
import { notify } from './commands/notify.ts'
import { getQuota, getQuotaRoot, setQuota } from './commands/quota.ts'
import { rename } from './commands/rename.ts'
import { replace } from './commands/replace.ts'
import { search } from './commands/search.ts'
import { select } from './commands/select.ts'
import { sort } from './commands/sort.ts'
import { startTls } from './commands/starttls.ts'
import { status } from './commands/status.ts'
import { store } from './commands/store.ts'
import { subscribe } from './commands/subscribe.ts'
import { thread } from './commands/thread.ts'
import { unauthenticate } from './commands/unauthenticate.ts'
import { unselect } from './commands/unselect.ts'
import { bad, type Reply } from './reply.ts'
import {
  type AuthenticatedSession,
  isAuthenticated,
  isSelected,
  type SelectedSession,
  type Session,
} from './session.ts'
import type { CommandName, CommandOf } from './syntax/commands.ts'
import type { Updates } from './updates.ts'

type Handler<S extends Session, Name extends CommandName> = (
  session: S,
  command: CommandOf<Name>,
) => Promise<Reply | null> | Reply | null

type Options<Name extends CommandName> = {
  updates?: Updates | ((command: CommandOf<Name>) => Updates)
  looks?: boolean
  removes?: boolean
}

// The sequence numbers that such a command names or gives must not shift before its answer (RFC 9051 §7.5.1).
const byNumber = {
  updates: (command: { uid: boolean }): Updates => (command.uid ? 'all' : 'without-expunge'),
}

export const commandTable: { readonly [Name in CommandName]: CommandEntry<Name> } = {
  CAPABILITY: inAnyState(capability),
  NOOP: inAnyState(noop, { looks: true }),
  LOGOUT: inAnyState(logout, { updates: 'none' }),
  ID: inAnyState(id),

  STARTTLS: beforeLogin(startTls),
  AUTHENTICATE: beforeLogin(authenticate),
  LOGIN: beforeLogin(login),

  ENABLE: afterLogin(enable),
  COMPRESS: afterLogin(compress),
  UNAUTHENTICATE: afterLogin(unauthenticate, { updates: 'none' }),
  SELECT: afterLogin(select, { updates: 'none' }),
  EXAMINE: afterLogin(select, { updates: 'none' }),
  CREATE: afterLogin(create),
  DELETE: afterLogin(deleteMailbox),
  RENAME: afterLogin(rename),
  SUBSCRIBE: afterLogin(subscribe),
  UNSUBSCRIBE: afterLogin(subscribe),
  LIST: afterLogin(list),
  LSUB: afterLogin(lsub),
  NAMESPACE: afterLogin(namespace),
  STATUS: afterLogin(status),
  GETQUOTA: afterLogin(getQuota),
  GETQUOTAROOT: afterLogin(getQuotaRoot),
  SETQUOTA: afterLogin(setQuota),
  GETMETADATA: afterLogin(getMetadata),
  SETMETADATA: afterLogin(setMetadata),
  APPEND: afterLogin(append), // with a literal it goes to receiveUpload
  IDLE: afterLogin(idle),
  NOTIFY: afterLogin(notify),

  CHECK: inFolder(check, { looks: true }),
  CLOSE: inFolder(close, { updates: 'none' }),
  UNSELECT: inFolder(unselect, { updates: 'none' }),
  EXPUNGE: inFolder(expunge, { removes: true }),
  SEARCH: inFolder(search, byNumber),
  SORT: inFolder(sort, byNumber),
  THREAD: inFolder(thread, byNumber),
  CANCELUPDATE: inFolder(cancelUpdate),
  FETCH: inFolder(fetch, byNumber),
  STORE: inFolder(store, byNumber),
  COPY: inFolder(copy),
  MOVE: inFolder(move, { removes: true }),
  REPLACE: inFolder(replace, { looks: true, removes: true }), // as APPEND
}

function entry<Name extends CommandName>(
  run: Handler<Session, Name>,
  { updates = 'all', looks = false, removes = false }: Options<Name>,
): CommandEntry<Name> {
  return {
    run: async (session, command) => await run(session, command),
    updates: typeof updates === 'function' ? updates : () => updates,
    looks,
    removes,
  }
}

function inAnyState<Name extends CommandName>(
  handle: Handler<Session, Name>,
  options: Options<Name> = {},
): CommandEntry<Name> {
  return entry(handle, options)
}

function beforeLogin<Name extends CommandName>(handle: Handler<Session, Name>): CommandEntry<Name> {
  const run: Handler<Session, Name> = (session, command) =>
    isAuthenticated(session) ? bad('Already logged in') : handle(session, command)
  return entry(run, { updates: 'none' })
}

function afterLogin<Name extends CommandName>(
  handle: Handler<AuthenticatedSession, Name>,
  options: Options<Name> = {},
): CommandEntry<Name> {
  const run: Handler<Session, Name> = (session, command) =>
    isAuthenticated(session) ? handle(session, command) : bad('Log in first')
  return entry(run, options)
}

function inFolder<Name extends CommandName>(
  handle: Handler<SelectedSession, Name>,
  options: Options<Name> = {},
): CommandEntry<Name> {
  const run: Handler<Session, Name> = (session, command) =>
    isSelected(session) ? handle(session, command) : bad('Select a mailbox first')
  return entry(run, options)
}
