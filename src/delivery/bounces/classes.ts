/** What refusals of other servers are told apart by. */

export type BounceClass =
  | 'unknown_recipient'
  | 'mailbox_full'
  | 'mailbox_unavailable'
  | 'blocked'
  | 'spam'
  | 'policy'
  | 'authentication'
  | 'rate_limited'
  | 'greylisted'
  | 'message_too_large'
  | 'content'
  | 'routing'
  | 'tls'
  | 'dns'
  | 'connection'
  | 'protocol'
  | 'expired'
  | 'suppressed'
  | 'cancelled'
  | 'other'

export type RemoteReply = {
  /** 0 when there was no reply: the connection or the look-up failed. */
  code: number
  /** RFC 3463; null when the reply has none. */
  enhanced: string | null
  /** Word for word, all lines, without the codes. */
  text: string
  /** At which step it came. */
  stage: 'dns' | 'connect' | 'greeting' | 'ehlo' | 'tls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'message'
}

export type Classified = {
  class: BounceClass
  /** Whether another attempt can succeed. */
  isPermanent: boolean
  /** What the refusal is about: only a recipient's own is a reason to suppress the address. */
  concerns: 'recipient' | 'sender' | 'message' | 'destination'
}
