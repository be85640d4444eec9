/** Whose mail it is: what every change of a mailbox's mail needs for its events. */
export type MailboxOwner = {
  organizationId: string
  workspaceId: string
  mailboxId: string
}
