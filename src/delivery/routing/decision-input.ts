/** What is known of an accepted message when it is decided about for one of its recipients. */
import type { Arrival, Authentication, SpamVerdict } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipient-kinds.ts'

export type DecisionInput = {
  arrival: Arrival
  recipient: LocalRecipient
  /** Null for what a login of ours sends. */
  authentication: Authentication | null
  /** Null for what a login of ours sends, and where the filter is off. */
  spam: SpamVerdict | null
  /** Whether the author's domain asked for quarantine, and the policy honours it. */
  quarantined: boolean
}
