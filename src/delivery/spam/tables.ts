/** The tables of the spam filter. */
import type { ColumnType, Generated } from 'kysely'

export type SenderListScope = 'mailbox' | 'domain' | 'workspace'
export type SenderListKind = 'allow' | 'block'
/** Whom it is about: those who write to the mailbox, those whom it writes to, or both. */
export type SenderListDirection = 'inbound' | 'outbound' | 'both'

/** Whom a mailbox, a domain or a workspace wants to hear, and whom not; sender-patterns.ts has the patterns. */
export type SenderListsTable = {
  id: string
  scope: SenderListScope
  /** The id of the mailbox, the domain or the workspace. */
  scope_id: string
  workspace_id: string
  kind: SenderListKind
  /** Two entries of one list with the same pattern share no direction. */
  direction: Generated<SenderListDirection>
  pattern: string
  /** Kept, and not applied. */
  paused: Generated<boolean>
  created_at: Date
  updated_at: Date
}

/** 'allow_list': only those that a list allows reach the inbox, or are written to. */
export type SenderListMode = 'open' | 'allow_list'

/** Mailboxes that are, or were, not open. */
export type SenderListModesTable = {
  mailbox_id: string
  workspace_id: string
  /** For those who write to it. */
  mode: SenderListMode
  /** For those whom it writes to. */
  outbound_mode: Generated<SenderListMode>
}

/** Attempts of unknown senders, by a hash of client network, reverse path and recipient; greylist.ts has the rules. */
export type GreylistTripletsTable = {
  triplet: string
  first_seen: Date
  passed: boolean
  expires_at: Date
}

/** How many messages of each kind a workspace was taught. */
export type SpamTotalsTable = { workspace_id: string; spam: number; ham: number }

/** In how many of them a token occurred. Tokens are hashes: nothing of a message can be read here. */
export type SpamTokensTable = {
  workspace_id: string
  token: number
  spam: number
  ham: number
  /** The day when it was last taught. */
  taught_on: ColumnType<Date, string, string>
}

/** What a body was taught as, so that it is taught once. */
export type SpamTaughtTable = {
  workspace_id: string
  body_id: string
  kind: 'spam' | 'ham'
  taught_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    sender_lists: SenderListsTable
    sender_list_modes: SenderListModesTable
    greylist_triplets: GreylistTripletsTable
    spam_totals: SpamTotalsTable
    spam_tokens: SpamTokensTable
    spam_taught: SpamTaughtTable
  }
}

/** An entry in an event. */
export type SenderListEventEntry = {
  kind: SenderListKind
  pattern: string
  direction: SenderListDirection
  paused: boolean
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'sender_list.updated': {
      scope: SenderListScope
      scope_id: string
      /** As they are now, those that were there before and changed among them. */
      added: SenderListEventEntry[]
      removed: SenderListEventEntry[]
    }
    'sender_list.mode_changed': { mode: SenderListMode; outbound_mode: SenderListMode }
    /** The filter of the workspace learned from a message. */
    'spam.learned': { kind: 'spam' | 'ham' }
  }
}
