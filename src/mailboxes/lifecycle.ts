/** The states of a mailbox (DESIGN section 4), the moves between them, and what each state allows. */

export const mailboxStates = [
  'waiting_payment',
  'waiting_domain',
  'provisioning',
  'active',
  'suspended',
  'failed',
  'deletion_scheduled',
  'deleted',
] as const

export type MailboxState = (typeof mailboxStates)[number]

/** From each state, where a mailbox may go. Everything else is refused. */
export const mailboxMoves: Readonly<Record<MailboxState, readonly MailboxState[]>> = {
  waiting_payment: ['waiting_domain', 'provisioning', 'active', 'failed', 'deletion_scheduled', 'deleted'],
  waiting_domain: ['provisioning', 'active', 'failed', 'deletion_scheduled', 'deleted'],
  provisioning: ['active', 'failed', 'deletion_scheduled', 'deleted'],
  active: ['suspended', 'waiting_domain', 'deletion_scheduled', 'deleted'],
  suspended: ['active', 'deletion_scheduled', 'deleted'],
  failed: ['provisioning', 'deletion_scheduled', 'deleted'],
  deletion_scheduled: [
    'waiting_payment',
    'waiting_domain',
    'provisioning',
    'active',
    'suspended',
    'failed',
    'deleted',
  ],
  deleted: [],
}

export function mayMoveMailbox(from: MailboxState, to: MailboxState): boolean {
  return mailboxMoves[from].includes(to)
}

/** Whether its owner may log in (IMAP, POP3, submission) and mail is accepted for it. */
export function isServed(state: MailboxState): boolean {
  return state === 'active'
}
