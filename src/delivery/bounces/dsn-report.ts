/** What a delivery status notification says, before it is a message. */

/** 'relayed': handed to a server that does not notify by itself (RFC 3461 §5.2.2). */
export type DsnKind = 'failed' | 'delayed' | 'relayed'

export type DsnRecipient = {
  rcptTo: string
  /** As it was given. */
  orcpt: string | null
  bounceClass: string | null
  /** Word for word, with its code; or why no server could be asked. */
  reply: string | null
  remoteHost: string | null
  lastAttemptAt: Date | null
  /** Of what is still tried. */
  retryUntil: Date | null
}

export type DsnReport = {
  kind: DsnKind
  /** Whose report it is. */
  hostname: string
  /** Of the report, without angle brackets. */
  messageId: string
  at: Date
  /** The reverse path of the message that it is about. */
  to: string
  envid: string | null
  arrivedAt: Date
  /** All have the same fate. */
  recipients: readonly DsnRecipient[]
  original: {
    /** Without angle brackets. */
    messageId: string | null
    /** As in its header. */
    subject: string | null
    header: Buffer
    /** Null: the header alone is returned. */
    message: Buffer | null
  } | null
}
