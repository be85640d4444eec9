/**
 * The trust block of a message: what was found out about where it came from, when it arrived. It is kept with the body,
 * for whoever reads the message by API; delivery writes it. A message of our own users has none of the checks.
 */

export type AuthResult =
  | 'none'
  | 'neutral'
  | 'pass'
  | 'fail'
  | 'softfail'
  | 'policy'
  | 'temperror'
  | 'permerror'

export type Trust = {
  /** Who spoke to us, and whether it was over TLS. */
  remote: { address: string; helo: string; tls: boolean }
  /** The reverse path; empty is the null sender. */
  mail_from: string
  spf: { result: AuthResult; domain: string | null }
  dkim: { result: AuthResult; domain: string; selector: string; aligned: boolean }[]
  dmarc: {
    result: AuthResult
    /** The author's domain. */
    domain: string | null
    /** What that domain asks for: p= or sp=; null when it publishes nothing. */
    policy: 'none' | 'quarantine' | 'reject' | null
    /** What was done. */
    disposition: 'none' | 'quarantine' | 'reject'
    /** Why less was done than was asked for; null when nothing was overridden (RFC 7489 §7.2). */
    override: 'forwarded' | 'local_policy' | 'sampled_out' | 'trusted_forwarder' | null
  }
  arc: { result: AuthResult; sealers: string[] }
  spam: {
    score: number
    action: 'accept' | 'junk' | 'refuse'
    symbols: { name: string; score: number; detail?: string }[]
  } | null
  /** Who the display name looks like, though the address is another. */
  look_alike: { display_name: string; of: string } | null
  /** The domain that answers would go to, where it is not the author's. */
  reply_to_mismatch: string | null
  /** Text that the HTML hides from people and shows to programs. */
  hidden_text: boolean
}
