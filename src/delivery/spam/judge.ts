/** The spam filter: a score of what is known about an arrival, and what it comes to under a recipient's policy. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication, SpamVerdict } from '../inbound/arrival.ts'

/** The score and its reasons; the action is the recipient's policy to decide (`actionFor`). */
export type SpamScore = Pick<SpamVerdict, 'score' | 'symbols'>

/** @returns the score of a message from outside. It never throws: what cannot be asked adds nothing. */
export async function scoreArrival(
  _platform: Platform,
  _arrival: Arrival,
  _authentication: Authentication,
): Promise<SpamScore> {
  return { score: 0, symbols: [] }
}
