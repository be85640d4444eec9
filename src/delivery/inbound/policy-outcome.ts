/** What the recipients' policies make of a message that failed its checks. */
import type { Trust } from '../../messages/trust.ts'
import type { DeliveryPolicy } from '../policies.ts'
import type { SpamScore } from '../spam/judge.ts'
import type { Arrival, ArrivalRefusal, SpamVerdict } from './arrival.ts'
import { refusal } from './refuse.ts'

type Dmarc = Trust['dmarc']

export type DmarcOutcome = {
  /** For the whole message; what was accepted of others cannot be taken back. */
  refused: ArrivalRefusal | null
  /** For each recipient, in order. */
  quarantined: boolean[]
  /** The verdict with what was done. */
  verdict: Dmarc
}

/**
 * A message is refused when every recipient enforces what the author's domain asks for. Where one does not, it goes to
 * Junk for those that do. What a mail server of ours has taken (LMTP) is never refused: that would be backscatter.
 */
export function dmarcOutcome(
  role: Arrival['role'],
  dmarc: Dmarc,
  policies: readonly Pick<DeliveryPolicy, 'dmarc'>[],
): DmarcOutcome {
  const asks = dmarc.disposition
  const isRefused =
    asks === 'reject' && role === 'mx' && policies.every((policy) => policy.dmarc === 'enforce')
  if (isRefused) {
    const domain = dmarc.domain ?? 'the author'
    const text = `The message does not pass DMARC, and the policy of ${domain} is to refuse it`
    return { refused: refusal(550, '5.7.1', text), quarantined: [], verdict: dmarc }
  }
  const quarantined = policies.map((policy) => asks !== 'none' && policy.dmarc !== 'observe')
  const disposition = quarantined.includes(true) ? 'quarantine' : 'none'
  const override = disposition === asks ? dmarc.override : 'local_policy'
  return { refused: null, quarantined, verdict: { ...dmarc, disposition, override } }
}

/** The verdict for one recipient; null where the filter is off. */
export function spamVerdict(score: SpamScore | null, policy: DeliveryPolicy): SpamVerdict | null {
  if (score === null || policy.spam_filter === 'off') return null
  const { refuse_score: refuseScore, junk_score: junkScore } = policy
  const isRefused = refuseScore !== null && score.score >= refuseScore
  return { ...score, action: isRefused ? 'refuse' : score.score >= junkScore ? 'junk' : 'accept' }
}

/** Refused only when every recipient refuses; else those who would get it in Junk. */
export function spamOutcome(
  role: Arrival['role'],
  verdicts: readonly (SpamVerdict | null)[],
): { refused: ArrivalRefusal | null; verdicts: (SpamVerdict | null)[] } {
  if (role === 'mx' && verdicts.length > 0 && verdicts.every((one) => one?.action === 'refuse')) {
    return { refused: refusal(550, '5.7.1', 'The message was taken for spam'), verdicts: [] }
  }
  const softened = verdicts.map((one) =>
    one?.action === 'refuse' ? { ...one, action: 'junk' as const } : one,
  )
  return { refused: null, verdicts: softened }
}
