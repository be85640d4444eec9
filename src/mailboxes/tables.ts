/** The tables of mailboxes. */
import type { ColumnType, Generated, Selectable } from 'kysely'
import type { Period } from '../billing/tables.ts'
import type { Product } from '../domains/products.ts'
import type { ErrorCode } from '../platform/errors.ts'
import type { MailboxState } from './lifecycle.ts'

/** Who runs a mailbox: this platform, or a tenant elsewhere. */
export type Service = 'local' | 'google' | 'microsoft'

export type MailboxesTable = {
  id: string
  organization_id: string
  workspace_id: string
  domain_id: string
  address: string
  state: MailboxState
  service: Service
  /** What it was asked for as; null: as no product. */
  product: Generated<Product | null>
  display_name: string | null
  first_name: string | null
  last_name: string | null
  tags: string[]
  /** Lower-case text that the list's search looks in. */
  search_text: string
  batch_id: string | null
  /** Rises with every change: the ETag. */
  version: Generated<number>
  created_at: Date
  updated_at: Date
  state_changed_at: Date
  /** The state to return to when a deletion is taken back. */
  state_before_deletion: MailboxState | null
  purge_at: Date | null
  /** Whether its deletion is its domain's, and is taken back with it. */
  deleted_with_domain: Generated<boolean>
  /** For those who run it; its owner does not see them. */
  notes: Generated<string | null>
  signature_text: Generated<string | null>
  signature_html: Generated<string | null>
  /** Whether programs that send by a dialect have it put below what they write. */
  signature_enabled: Generated<boolean>
  custom_fields: ColumnType<Record<string, string>, string | undefined, string>
  recovery_email: Generated<string | null>
  recovery_phone: Generated<string | null>
  period: Generated<Period>
  /** What the next period will be, where it is another. */
  next_period: Generated<Period | null>
  /** When the first period began: the day and the time of day of every end. */
  period_anchor_at: Generated<Date | null>
  /** Null until the first period begins, when the mailbox is active. */
  period_ends_at: Generated<Date | null>
  cancel_at_period_end: Generated<boolean>
  /** Whether a plan pays for it (billing/slots.ts). */
  in_slot: Generated<boolean>
  /** The end of the last paid period, when the next one is not paid. */
  unpaid_since: Generated<Date | null>
  payment_attempts: Generated<number>
  /** When an unpaid one is looked at again. */
  next_payment_at: Generated<Date | null>
  /** Of the present period: the smallest number of days before its end that its renewal was announced. */
  noticed_days: Generated<number | null>
  /**
   * Of one that is suspended because it is not paid: whether money resumes it, or it stays as it is, because its
   * workspace had suspended it before. Null: it is not suspended for that.
   */
  payment_suspension: Generated<'resume' | 'stay' | null>
  /** When an unpaid one is deleted, as was announced. */
  deletion_announced_for: Generated<Date | null>
  picture_sha256: Generated<Buffer | null>
  picture_updated_at: Generated<Date | null>
}

export type MailboxPicturesTable = {
  mailbox_id: string
  workspace_id: string
  jpeg: Buffer
  updated_at: Date
}

/** The single namespace of addresses: RCPT TO is one look-up here. */
export type AddressesTable = {
  /** Of a catch-all: `@domain`. */
  address: string
  kind: AddressKind
  workspace_id: string
  domain_id: string
  /** Null where the mail goes to `targets`. */
  mailbox_id: string | null
  /** Of a forward, and of a catch-all without a mailbox: the addresses that it goes to. */
  targets: Generated<string[]>
  /** Of an alias: what it is for. */
  description: Generated<string | null>
  /** Of an alias: whether its mail is taken. What is not is refused, and does not reach a catch-all. */
  enabled: Generated<boolean>
  /** Of an alias: its id, which the database gives. Else null. */
  alias_id: Generated<string | null>
  /** Of an alias: when it was last changed; null: never. */
  alias_updated_at: Generated<Date | null>
  /** When an alias goes that a rename left; null: never. */
  expires_at: Generated<Date | null>
  created_at: Date
}

export type AddressKind = 'mailbox' | 'alias' | 'forward' | 'catch_all'

/** Domains whose mail is treated as if it were sent to the same local part of another. */
export type DomainAliasesTable = {
  domain_id: string
  of_domain_id: string
  workspace_id: string
  created_at: Date
}

/** Where a mailbox sends what it gets. */
export type MailboxForwardsTable = {
  mailbox_id: string
  target: string
  /** The same in all rows of a mailbox. */
  keep_copy: boolean
  created_at: Date
}

/** What an app password may be used for. */
export const appPasswordScopes = ['imap', 'pop3', 'smtp', 'api'] as const
export type AppPasswordScope = (typeof appPasswordScopes)[number]

export type MailboxPasswordsTable = {
  mailbox_id: string
  /** 'primary', or the name of an app password. */
  name: string
  /** How the verifier was made; decision 0015 says why it is not a slow hash. */
  scheme: 'hmac-sha256'
  verifier: Buffer
  /** The vault key that the verifier was made under. */
  key_id: string
  /** The password itself, sealed, so that it can be shown again. */
  sealed_password: Buffer
  /** What SCRAM-SHA-256 proofs are checked by (RFC 5802 §3), sealed; null until one is needed. */
  sealed_scram_verifier: Generated<Buffer | null>
  /** Of an app password; null for the primary one. */
  id: Generated<string | null>
  /** What it may be used for; null: everything. */
  scopes: Generated<AppPasswordScope[] | null>
  /** Where it may be used from, in CIDR form; null: anywhere. */
  networks: Generated<string[] | null>
  expires_at: Generated<Date | null>
  /** Whether those who came by it were told that its time is over. */
  is_expiry_told: Generated<boolean>
  last_used_at: Generated<Date | null>
  last_used_from: Generated<string | null>
  created_at: Date
}

export type MailboxBatchesTable = {
  id: string
  organization_id: string
  workspace_id: string
  requested: number
  /** What all of them were asked for as; null: as no product, or not all as the same. */
  product: Generated<Product | null>
  /** The domain that all of them are in; null: there are more, or none was made. */
  domain_id: Generated<string | null>
  /** A mailbox for each item, in their order; null where none was made. */
  mailbox_ids: (string | null)[]
  /** Of the items that could not be made; as JSON when it is written. */
  failures: ColumnType<BatchFailure[], string, never>
  /** Since when nothing of it is pending any more. */
  completed_at: Date | null
  created_at: Date
}

export type BatchFailure = { index: number; address: string; code: ErrorCode; detail: string }

export type Mailbox = Selectable<MailboxesTable>

declare module '../platform/database.ts' {
  interface Tables {
    mailboxes: MailboxesTable
    addresses: AddressesTable
    domain_aliases: DomainAliasesTable
    mailbox_forwards: MailboxForwardsTable
    mailbox_passwords: MailboxPasswordsTable
    mailbox_pictures: MailboxPicturesTable
    mailbox_batches: MailboxBatchesTable
  }
}

/** Of aliases, forwards and catch-alls; a mailbox's own address comes and goes with it. */
export type AddressEvent = {
  address: string
  kind: AddressKind
  domain_id: string
  mailbox_id: string | null
  targets: readonly string[]
  description: string | null
  enabled: boolean
  expires_at: string | null
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox.created': { mailbox_id: string; address: string; state: MailboxState }
    'mailbox.updated': { mailbox_id: string; address: string }
    /** `alias_until`: how long `from` stays as an alias. Null: for ever; the moment of the rename: it went at once. */
    'mailbox.renamed': { mailbox_id: string; from: string; to: string; alias_until: string | null }
    'mailbox.state_changed': { mailbox_id: string; address: string; from: MailboxState; to: MailboxState }
    'mailbox.password_changed': { mailbox_id: string; address: string }
    'mailbox.credentials_viewed': {
      mailbox_id: string
      address: string
      by: string
      /** Of an app password; without it, the look was at the primary one. */
      app_password_id?: string
    }
    'mailbox.purged': { mailbox_id: string; address: string }
    'mailbox.forwarding_changed': { mailbox_id: string; targets: readonly string[]; keep_copy: boolean }
    'address.created': AddressEvent
    'address.updated': AddressEvent
    'address.deleted': AddressEvent
    'domain_alias.created': { domain_id: string; name: string; of_domain_id: string; of: string }
    'domain_alias.deleted': { domain_id: string; name: string }
  }
}
