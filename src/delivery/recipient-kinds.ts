/** Who a message can be for: a mailbox here, or an address elsewhere. */
import type { MailboxOwner } from '../messages/owner.ts'

export type LocalRecipient = {
  kind: 'local'
  /** As it was asked for: the mailbox's address, an alias, either with a detail. */
  address: string
  owner: MailboxOwner
  /** The domain of that address. */
  domainId: string
  /** INBOX. */
  folderId: string
}

export type RemoteRecipient = { kind: 'remote'; address: string; domain: string }

/** Where a domain takes reports of other mail servers; no mailbox gets them. */
export type ReportRecipient = { kind: 'report'; address: string; domainId: string }
