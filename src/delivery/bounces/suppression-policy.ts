/** Which bounces put their address on the suppression list, and for how long. */
import type { BounceClass, Classified } from './classify.ts'

type Suppressing = {
  /** Null: until someone takes it off the list. */
  days: number | null
}

/**
 * By class, for refusals that are permanent and concern the recipient. What is not here never suppresses: a full mailbox
 * empties, a blocked sender is no fault of the recipient's.
 */
const policy: Partial<Record<BounceClass, Suppressing>> = {
  unknown_recipient: { days: null },
  // Accounts that are suspended or inactive come back at times.
  mailbox_unavailable: { days: 180 },
}

const dayMs = 24 * 3600 * 1000

/** @returns how long an address is suppressed after such a refusal, or null: not at all. */
export function suppressionFor(refusal: Classified, now: Date): { expiresAt: Date | null } | null {
  if (!refusal.isPermanent || refusal.concerns !== 'recipient') return null
  const suppressing = policy[refusal.class]
  if (suppressing === undefined) return null
  const { days } = suppressing
  return { expiresAt: days === null ? null : new Date(now.getTime() + days * dayMs) }
}
