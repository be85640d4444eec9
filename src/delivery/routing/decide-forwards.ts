/** What becomes of a message for addresses that have no mailbox and go on to others. */
import type { Platform } from '../../platform/platform.ts'
import type {
  Arrival,
  ArrivalRefusal,
  Authentication,
  RecipientDecision,
  SpamVerdict,
} from '../inbound/arrival.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import { type ForwardTarget, failed } from './expand.ts'
import { forwardMessages } from './forward-messages.ts'

/**
 * Spam does not go on: other servers would hold it against ours. There is no Junk folder to keep it in, so that it is
 * reported, or the message refused when it was for nobody else.
 * @param verdictUnder the verdict under a domain's policy.
 */
export async function decideForwards(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication | null,
  verdictUnder: (policy: DeliveryPolicy) => SpamVerdict | null,
): Promise<RecipientDecision[]> {
  const decisions: RecipientDecision[] = []
  const byOwner = Map.groupBy(arrival.forwards ?? [], ({ forwarder }) => forwarder.owner.mailboxId)
  for (const [domainId, targets] of byOwner) {
    const workspaceId = targets[0]?.forwarder.owner.workspaceId ?? ''
    const policy = await deliveryPolicyOf(platform, { workspaceId, domainId })
    const isUnwanted =
      authentication?.dmarc.disposition === 'quarantine' || verdictUnder(policy)?.action === 'junk'
    const judged = isUnwanted ? targets.map(asSpam) : targets
    decisions.push({
      placements: [],
      jobs: [],
      ...forwardMessages(platform, arrival, authentication, judged),
    })
  }
  return decisions
}

function asSpam(target: ForwardTarget): ForwardTarget {
  return failed(target.forwarder, target.address, 'The message looks like spam.')
}

/** @returns the refusal of a message that was only to be forwarded and cannot be, or null. */
export function refuseForwards(
  arrival: Arrival,
  decisions: readonly RecipientDecision[],
): ArrivalRefusal | null {
  const isForOthers = arrival.local.length > 0 || arrival.remote.length > 0
  if ((arrival.forwards ?? []).length === 0 || isForOthers) return null
  if (decisions.some(({ forwards }) => forwards.length > 0)) return null
  return { kind: 'refused', code: 550, enhanced: '5.7.1', text: 'The message is not forwarded' }
}
