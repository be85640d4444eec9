/**
 * An arrival: one message that was received whole, with its envelope, before it is judged and put anywhere. The faces
 * (SMTP, LMTP) make it; accept.ts takes it through authentication, spam filter and routing to the commit lane.
 */
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Trust } from '../../messages/trust.ts'
import type { NewEvent } from '../../platform/events.ts'
import type { NewJob } from '../../platform/jobs.ts'
import type { Placement } from '../commit-lane.ts'
import type { OutboundMessage, OutboundRecipient } from '../outbound/queue.ts'
import type { LocalRecipient, ReportRecipient } from '../recipients.ts'
import type { ForwardTarget } from '../routing/expand.ts'

export type { ArrivalRefusal } from '../refusal.ts'

/** The raw message as it was sent, without anything of ours in front. It can be read again and again until it is disposed of. */
export type SpooledMessage = AsyncDisposable & {
  sizeBytes: number
  /** The header up to and with its empty line; of a larger one the first `headerBytesMax`. */
  header: Buffer
  /** Bytes from `start` (default 0) up to `end` (default the size), piece by piece. */
  read(start?: number, end?: number): AsyncIterable<Buffer>
}

/** A recipient by the address that the sender gave, before it is followed. */
export type AskedRecipient = Pick<OutboundRecipient, 'address' | 'notify' | 'orcpt'> & {
  /** It leads to mailboxes here alone, which have the message when it is accepted. */
  isHere: boolean
}

export type Arrival = {
  /** Names the reception in the log, the trace and the reply. */
  id: string
  at: Date
  /** 'mx': from anyone. 'submission': from a login of ours. 'lmtp': from a mail server that we trust. */
  role: 'mx' | 'submission' | 'lmtp'
  helo: string
  remoteAddress: string
  /** ESMTP, ESMTPS, ESMTPSA, LMTP … (RFC 3848). */
  protocol: string
  tls: boolean
  /** The reverse path with its domain in A-labels; empty is the null sender. */
  mailFrom: string
  smtputf8: boolean
  /** RFC 3461 §4.3, §4.4. */
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  /** RFC 4865: not before then; null is at once. */
  notBefore: Date | null
  /** Who sends, when it is a login of ours. */
  login: MailboxOwner | null
  /** The recipients as they were asked for, where a forward of ours is one; left out where nothing needs to know. */
  asked?: readonly AskedRecipient[]
  /** Each mailbox once. */
  local: readonly LocalRecipient[]
  remote: readonly OutboundRecipient[]
  /** Those elsewhere that addresses of ours forward to. */
  forwards?: readonly ForwardTarget[]
  /** Report addresses of domains of ours that it was sent to. */
  reports?: readonly ReportRecipient[]
  message: SpooledMessage
}

/** What authentication found (SPF, DKIM, DMARC, ARC), and the fields that say it (RFC 8601), each with its CRLF. */
export type Authentication = Pick<Trust, 'spf' | 'dkim' | 'dmarc' | 'arc'> & {
  fields: string
  /** For forwards: the value of ARC-Authentication-Results, and the state of the chain. */
  arcRecord: { authResults: string; cv: 'none' | 'pass' | 'fail' }
}

export type SpamVerdict = NonNullable<Trust['spam']>

/** What becomes of a message for one local recipient: any number of copies and forwards; none of either is "discarded". */
export type RecipientDecision = {
  placements: readonly Placement[]
  forwards: readonly Omit<OutboundMessage, 'bodyBytes' | 'skipBytes'>[]
  jobs: readonly NewJob[]
  /** What could not be done, for the log of events. */
  events?: readonly NewEvent[]
}
