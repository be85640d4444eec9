/** What becomes of an accepted message for one local recipient: lists, filters, forwarding, autoreply. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication, RecipientDecision, SpamVerdict } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipients.ts'

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

export async function decideForRecipient(
  _platform: Platform,
  { recipient: { owner, folderId } }: DecisionInput,
): Promise<RecipientDecision> {
  return { placements: [{ owner, folderId, flags: 0, keywords: [] }], forwards: [], jobs: [] }
}
