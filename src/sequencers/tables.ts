/** The tables of sequencers: connections, the mailboxes that are to be there, and the exports that asked for them. */
import type { ColumnType, Generated } from 'kysely'
import type { RemoteStatus, SequencerErrorKind } from './driver.ts'
import type { PlatformName, SequencerSettings } from './platforms.ts'

/** A connection of a workspace to its account at a sequencer. */
export type SequencersTable = {
  id: string
  organization_id: string
  workspace_id: string
  platform: PlatformName
  /** The owner's name for it. */
  name: string
  /** What is no secret, in the form of the platform; see platforms.ts. */
  settings: ColumnType<SequencerSettings, string, string>
  /** The API key, sealed; null for a platform that takes files only. Named as in the other tables of reseal.ts. */
  sealed_private_key: Buffer | null
  key_id: string | null
  /** failing: the last call failed for a reason that concerns all its mailboxes. */
  state: 'working' | 'failing'
  error_kind: SequencerErrorKind | null
  /** The sequencer's own words. */
  last_error: string | null
  checked_at: Date
  /** Until then it is left alone. */
  retry_at: Date | null
  /** When the next call may start, as far as its limits say; it outlives a run. */
  next_call_at: Date | null
  /** When its list of accounts was last read whole. */
  observed_at: Date | null
  /** Runs in a row that ended with a failure which concerns all its mailboxes. */
  failures: Generated<number>
  /** SHA-256 of what all its mailboxes are told alike (servers, limits), as they were last compared with it. */
  told_digest: Generated<Buffer | null>
  /** It is to go as soon as no mailbox is left there. */
  delete_when_empty: Generated<boolean>
  created_at: Date
  updated_at: Date
}

export type SequencerMailboxState =
  /** To be pushed, or pushed again. */
  | 'queued'
  /** The sequencer took it and has not said yet what became of it. */
  | 'confirming'
  | 'connected'
  /** The sequencer has it and cannot use it. */
  | 'disconnected'
  /** It was not taken, and trying again is of no use before something is changed. */
  | 'failed'
  /** It was there and is not any more, without us. */
  | 'missing'
  /** Its mailbox is suspended or deleted here: it is pushed again when that is taken back. */
  | 'inactive'
  /** To be taken away there; the row goes when it is, unless it is still wanted. */
  | 'removing'

/**
 * Why a mailbox cannot be pushed. not_active: suspended or deleted here. not_local: another service runs it.
 * no_password: none is kept. second_factor: its password alone does not log in. no_servers: this platform has no IMAP or
 * no submission.
 */
export type UnpushableKind = 'not_active' | 'not_local' | 'no_password' | 'second_factor' | 'no_servers'

/** removed: its workspace takes it away. missing: the sequencer has it no longer. */
export type SequencerMailboxErrorKind =
  | SequencerErrorKind
  | UnpushableKind
  | 'not_confirmed'
  | 'missing'
  | 'removed'

/** A mailbox that is to be at a sequencer, with what is known of it there. */
export type SequencerMailboxesTable = {
  sequencer_id: string
  mailbox_id: string
  workspace_id: string
  state: SequencerMailboxState
  /** Whether its workspace wants it there. What is taken away because its mailbox is suspended is wanted still. */
  wanted: Generated<boolean>
  /** As it was last pushed, by which it is found there after a rename. */
  address: string
  /** HMAC of all that was last pushed; another one now means that it is to be pushed again. */
  pushed_digest: Buffer | null
  /** The vault's key that the digest was made under. */
  pushed_key_id: string | null
  remote_id: string | null
  remote_status: RemoteStatus | null
  /** Of a push whose outcome comes later. */
  pending_ref: string | null
  /** A push was begun and its end is not known: it is looked up before it is tried again. */
  uncertain: boolean
  attempts: number
  next_attempt_at: Date | null
  error_kind: SequencerMailboxErrorKind | null
  last_error: string | null
  pushed_at: Date | null
  observed_at: Date | null
  /** Up to when changes of the mailbox were looked at; null: it is to be looked at anew. */
  compared_at: Date | null
  created_at: Date
  updated_at: Date
}

/** Mailboxes asked for at once. */
export type ExportsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** Null: a file for whatever program. */
  sequencer_id: string | null
  platform: PlatformName
  /** api: pushed by a driver. file: to be fetched. */
  method: 'api' | 'file'
  state: 'running' | 'completed' | 'failed'
  total: number
  created_at: Date
  completed_at: Date | null
}

export type ExportItemState = 'waiting' | 'done' | 'skipped' | 'failed'

export type ExportItemsTable = {
  export_id: string
  mailbox_id: string
  /** From 0, the order in which they were asked for. */
  position: number
  /** As it was then. */
  address: string
  /** skipped: it was there already, just so. */
  state: ExportItemState
  error_kind: SequencerMailboxErrorKind | null
  error: string | null
  updated_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    sequencers: SequencersTable
    sequencer_mailboxes: SequencerMailboxesTable
    exports: ExportsTable
    export_items: ExportItemsTable
  }
}

type SequencerEvent = { sequencer_id: string; platform: string; name: string }
type SequencerMailboxEvent = { sequencer_id: string; mailbox_id: string; address: string }

declare module '../platform/events.ts' {
  interface EventTypes {
    'sequencer.created': SequencerEvent
    'sequencer.updated': SequencerEvent
    'sequencer.deleted': SequencerEvent
    /** The first failure after a success, for a reason that concerns all its mailboxes. */
    'sequencer.failed': SequencerEvent & { kind: SequencerErrorKind; problem: string }
    'sequencer.recovered': SequencerEvent
    /** The sequencer has it and uses it, for the first time or again. */
    'sequencer.mailbox_connected': SequencerMailboxEvent
    /** It was not taken, is not confirmed, cannot be used there, or was taken away there by somebody else. */
    'sequencer.mailbox_failed': SequencerMailboxEvent & { kind: string; problem: string }
    'sequencer.mailbox_removed': SequencerMailboxEvent
    'export.created': { export_id: string; sequencer_id: string | null; platform: string; total: number }
    'export.completed': {
      export_id: string
      sequencer_id: string | null
      platform: string
      done: number
      skipped: number
      failed: number
    }
  }
}
