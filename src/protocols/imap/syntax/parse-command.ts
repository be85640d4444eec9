/** One command of the client from its segments. RFC 9051 §6 and §9. */
import { type CommandFault, toCommandFault } from './command-fault.ts'
import type { CommandBody, ImapCommand } from './commands.ts'
import type { Segment } from './framing.ts'
import type { MailboxNameEncoding } from './mailbox-name.ts'
import { parseAppend } from './parse-append.ts'
import { parseFetch } from './parse-fetch.ts'
import { parseList, parseLsub } from './parse-list.ts'
import {
  parseCreate,
  parseMailboxOnly,
  parseRename,
  parseSelect,
  parseStatus,
} from './parse-mailbox-commands.ts'
import { parseGetMetadata, parseSetMetadata } from './parse-metadata.ts'
import { parseNotify } from './parse-notify.ts'
import { parseGetQuota, parseGetQuotaRoot, parseSetQuota } from './parse-quota.ts'
import { parseReplace } from './parse-replace.ts'
import { parseSearch } from './parse-search.ts'
import { parseCopyOrMove, parseStore, parseUidExpunge } from './parse-selected-commands.ts'
import {
  parseAuthenticate,
  parseCompress,
  parseEnable,
  parseId,
  parseLogin,
} from './parse-session-commands.ts'
import { parseCancelUpdate, parseSort, parseThread } from './parse-sort.ts'
import { Reader } from './reader.ts'

export type ParseResult = { ok: true; command: ImapCommand } | CommandFault

type ParseArguments = (reader: Reader) => CommandBody

const commands = new Map<string, ParseArguments>([
  ['CAPABILITY', () => ({ name: 'CAPABILITY' })],
  ['NOOP', () => ({ name: 'NOOP' })],
  ['LOGOUT', () => ({ name: 'LOGOUT' })],
  ['ID', parseId],
  ['STARTTLS', () => ({ name: 'STARTTLS' })],
  ['AUTHENTICATE', parseAuthenticate],
  ['LOGIN', parseLogin],
  ['ENABLE', parseEnable],
  ['COMPRESS', parseCompress],
  ['UNAUTHENTICATE', () => ({ name: 'UNAUTHENTICATE' })],
  ['SELECT', (reader) => parseSelect(reader, 'SELECT')],
  ['EXAMINE', (reader) => parseSelect(reader, 'EXAMINE')],
  ['CREATE', parseCreate],
  ['DELETE', (reader) => parseMailboxOnly(reader, 'DELETE')],
  ['RENAME', parseRename],
  ['SUBSCRIBE', (reader) => parseMailboxOnly(reader, 'SUBSCRIBE')],
  ['UNSUBSCRIBE', (reader) => parseMailboxOnly(reader, 'UNSUBSCRIBE')],
  ['LIST', parseList],
  ['LSUB', parseLsub],
  ['NAMESPACE', () => ({ name: 'NAMESPACE' })],
  ['STATUS', parseStatus],
  ['GETQUOTA', parseGetQuota],
  ['GETQUOTAROOT', parseGetQuotaRoot],
  ['SETQUOTA', parseSetQuota],
  ['GETMETADATA', parseGetMetadata],
  ['SETMETADATA', parseSetMetadata],
  ['APPEND', parseAppend],
  ['IDLE', () => ({ name: 'IDLE' })],
  ['NOTIFY', parseNotify],
  ['CHECK', () => ({ name: 'CHECK' })],
  ['CLOSE', () => ({ name: 'CLOSE' })],
  ['UNSELECT', () => ({ name: 'UNSELECT' })],
  ['EXPUNGE', () => ({ name: 'EXPUNGE', uid: false, set: null })],
  ['SEARCH', (reader) => parseSearch(reader, false)],
  ['SORT', (reader) => parseSort(reader, false)],
  ['THREAD', (reader) => parseThread(reader, false)],
  ['CANCELUPDATE', parseCancelUpdate],
  ['FETCH', (reader) => parseFetch(reader, false)],
  ['STORE', (reader) => parseStore(reader, false)],
  ['COPY', (reader) => parseCopyOrMove(reader, 'COPY', false)],
  ['MOVE', (reader) => parseCopyOrMove(reader, 'MOVE', false)],
  ['REPLACE', (reader) => parseReplace(reader, false)],
])

const uidCommands = new Map<string, ParseArguments>([
  ['EXPUNGE', parseUidExpunge],
  ['SEARCH', (reader) => parseSearch(reader, true)],
  ['SORT', (reader) => parseSort(reader, true)],
  ['THREAD', (reader) => parseThread(reader, true)],
  ['FETCH', (reader) => parseFetch(reader, true)],
  ['STORE', (reader) => parseStore(reader, true)],
  ['COPY', (reader) => parseCopyOrMove(reader, 'COPY', true)],
  ['MOVE', (reader) => parseCopyOrMove(reader, 'MOVE', true)],
  ['REPLACE', (reader) => parseReplace(reader, true)],
])

/** Never throws on any input. `encoding` is utf-8 once IMAP4rev2 or UTF8=ACCEPT is enabled. */
export function parseCommand(
  segments: readonly Segment[],
  encoding: MailboxNameEncoding = 'modified-utf-7',
): ParseResult {
  const reader = new Reader(segments, encoding)
  let tag: string | null = null
  try {
    tag = reader.tag()
    reader.space()
    const body = readBody(reader)
    reader.end()
    return { ok: true, command: { tag, ...body } }
  } catch (error) {
    return toCommandFault(error, tag)
  }
}

function readBody(reader: Reader): CommandBody {
  const name = reader.word('a command')
  if (name !== 'UID') return (commands.get(name) ?? reader.fail('Unknown command'))(reader)
  reader.space()
  return (uidCommands.get(reader.word('a command')) ?? reader.fail('Unknown UID command'))(reader)
}

/** The tag of a command that was not read to its end (too long, refused literal); null when it has none. */
export function readTag(segmentsSoFar: readonly Segment[]): string | null {
  const reader = new Reader(segmentsSoFar, 'modified-utf-7')
  try {
    const tag = reader.tag()
    reader.space()
    return tag
  } catch (error) {
    return toCommandFault(error, null).tag
  }
}
