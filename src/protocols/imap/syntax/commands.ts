/** The commands of IMAP as parseCommand gives them: the contract between this syntax and the server. */

import type { FetchItem } from './fetch-item.ts'
import type { FlagList } from './flags.ts'
import type { LiteralSegment } from './framing.ts'
import type { MailboxName } from './mailbox-name.ts'
import type { NotifyGroup } from './notify-group.ts'
import type { SearchCriteria, SearchReturn, SortCriterion } from './search-key.ts'
import type { PartialRange, SequenceRanges, SequenceSet } from './sequence-set.ts'

export type ImapCommand = { tag: string } & CommandBody

export type CommandName = CommandBody['name']

/** The member of that name; SELECT and EXAMINE, COPY and MOVE and the like share one. */
export type CommandOf<Name extends CommandName> = WithName<ImapCommand, Name>

type WithName<Command, Name> = Command extends { name: infer Own }
  ? [Name & Own] extends [never]
    ? never
    : Command
  : never

export type CommandBody =
  | AnyStateCommand
  | NotAuthenticatedCommand
  | MailboxCommand
  | ListCommand
  | QuotaCommand
  | MetadataCommand
  | UploadCommand
  | SelectedCommand

/** RFC 9051 §6.1, RFC 2971. */
export type AnyStateCommand =
  | { name: 'CAPABILITY' }
  | { name: 'NOOP' }
  | { name: 'LOGOUT' }
  | { name: 'ID'; fields: readonly (readonly [field: string, value: string | null])[] | null }

/** RFC 9051 §6.2. `mechanism` in upper case; `initialResponse` by RFC 4959. */
export type NotAuthenticatedCommand =
  | { name: 'STARTTLS' }
  | { name: 'AUTHENTICATE'; mechanism: string; initialResponse: Buffer | null }
  | { name: 'LOGIN'; username: string; password: string }

/** RFC 9051 §6.3. */
export type MailboxCommand =
  | { name: 'ENABLE'; capabilities: readonly string[] }
  /** RFC 4978; `mechanism` in upper case. */
  | { name: 'COMPRESS'; mechanism: string }
  /** RFC 8437. */
  | { name: 'UNAUTHENTICATE' }
  | { name: 'SELECT' | 'EXAMINE'; mailbox: MailboxName; condStore: boolean; qresync: Qresync | null }
  /** Special uses as `\Drafts`, spelled as in RFC 6154 when known: the server refuses others with USEATTR. */
  | { name: 'CREATE'; mailbox: MailboxName; specialUses: readonly string[] }
  | { name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'; mailbox: MailboxName }
  | { name: 'RENAME'; from: MailboxName; to: MailboxName }
  | { name: 'NAMESPACE' }
  | { name: 'STATUS'; mailbox: MailboxName; items: readonly StatusItem[] }
  | { name: 'IDLE' }
  /** RFC 5465. NONE has no groups. */
  | { name: 'NOTIFY'; status: boolean; groups: readonly NotifyGroup[] }

/** RFC 7162 §3.2.5. */
export type Qresync = {
  uidValidity: number
  modSeq: bigint
  knownUids: SequenceRanges | null
  sequenceMatch: { sequences: SequenceRanges; uids: SequenceRanges } | null
}

export const statusItems = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
  'DELETED-STORAGE',
] as const
export type StatusItem = (typeof statusItems)[number]

/** RFC 9051 §6.3.9, RFC 5258, 5819, 6154, 9590. Reference and patterns are Unicode; see compileListPattern. */
export type ListCommand =
  | {
      name: 'LIST'
      /** Selection options, RETURN or a list of patterns were given (RFC 9051 §6.3.9). */
      extended: boolean
      select: { subscribed: boolean; remote: boolean; recursiveMatch: boolean; specialUse: boolean }
      reference: string
      patterns: readonly string[]
      returns: {
        subscribed: boolean
        children: boolean
        specialUse: boolean
        status: readonly StatusItem[] | null
        /** The names of entries, RFC 9590. */
        metadata: readonly string[] | null
      }
    }
  | { name: 'LSUB'; reference: string; pattern: string }

/** RFC 9208 §4.1. */
export type QuotaCommand =
  | { name: 'GETQUOTA'; root: string }
  | { name: 'GETQUOTAROOT'; mailbox: MailboxName }
  | { name: 'SETQUOTA'; root: string; limits: readonly (readonly [resource: string, limit: number])[] }

/** RFC 5464 §4.2 and §4.3. `mailbox` is null for the server's own entries. A null value removes. */
export type MetadataCommand =
  | {
      name: 'GETMETADATA'
      mailbox: MailboxName | null
      maxSizeBytes: number | null
      depth: 0 | 1 | 'infinity'
      entries: readonly string[]
    }
  | {
      name: 'SETMETADATA'
      mailbox: MailboxName | null
      values: readonly { entry: string; value: Buffer | null }[]
    }

/** RFC 9051 §6.3.12, RFC 3502: at least one message. */
export type AppendCommand = { name: 'APPEND'; mailbox: MailboxName; messages: readonly AppendMessage[] }

/** RFC 8508: exactly one message. With `uid` the number of the replaced one is a UID. */
export type ReplaceCommand = {
  name: 'REPLACE'
  uid: boolean
  message: number | '*'
  mailbox: MailboxName
  messages: readonly AppendMessage[]
}

/** The commands that put messages in. */
export type UploadCommand = AppendCommand | ReplaceCommand

export type AppendMessage = { flags: FlagList; internalDate: Date | null; data: AppendData }

/** `utf8` by RFC 6855 §4, CATENATE by RFC 4469. */
export type AppendData =
  | { kind: 'message'; literal: LiteralSegment; utf8: boolean }
  | { kind: 'catenate'; parts: readonly CatenatePart[] }

export type CatenatePart =
  | { kind: 'text'; literal: LiteralSegment; utf8: boolean }
  | { kind: 'url'; url: string }

/** RFC 9051 §6.4. `uid`: the set and the response are UIDs (§6.4.9). */
export type SelectedCommand =
  | { name: 'CHECK' | 'CLOSE' | 'UNSELECT' }
  | { name: 'EXPUNGE'; uid: false; set: null }
  | { name: 'EXPUNGE'; uid: true; set: SequenceSet }
  /** `returns` is null without RETURN. */
  | ({ name: 'SEARCH'; uid: boolean; returns: SearchReturn | null } & SearchCriteria)
  /** RFC 5256, with `returns` of RFC 5267. The first criterion counts most. */
  | ({
      name: 'SORT'
      uid: boolean
      returns: SearchReturn | null
      order: readonly SortCriterion[]
    } & SearchCriteria)
  | ({ name: 'THREAD'; uid: boolean; algorithm: 'orderedsubject' | 'references' } & SearchCriteria)
  /** RFC 5267 §4.3.5. */
  | { name: 'CANCELUPDATE'; tags: readonly string[] }
  | {
      name: 'FETCH'
      uid: boolean
      set: SequenceSet
      items: readonly FetchItem[]
      /** RFC 7162 §3.1.4.1. */
      changedSince: bigint | null
      /** RFC 7162 §3.2.6; only with uid and changedSince. */
      vanished: boolean
      /** RFC 9394 §3.3; only with uid. */
      partial: PartialRange | null
    }
  | {
      name: 'STORE'
      uid: boolean
      set: SequenceSet
      unchangedSince: bigint | null
      change: 'replace' | 'add' | 'remove'
      silent: boolean
      flags: FlagList
    }
  | { name: 'COPY' | 'MOVE'; uid: boolean; set: SequenceSet; mailbox: MailboxName }
