/** Whose mail it is: what every change of a mailbox's mail needs for its events. */
export type MailboxOwner = {
  organizationId: string
  workspaceId: string
  mailboxId: string
  /** Who acts: it comes back in the events of this process, so that whoever caused one knows it for its own. */
  origin?: symbol
}
