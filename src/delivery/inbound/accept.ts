/**
 * The way in: an arrival is looked at, authenticated, scored, and decided about for each of its recipients; what that
 * comes to is committed in one piece. Faces make arrivals and turn the outcome into their protocol's words.
 */
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import type { Trust } from '../../messages/trust.ts'
import type { Platform } from '../../platform/platform.ts'
import { reportJobs } from '../bounces/recognise.ts'
import { applyUnsubscribe } from '../bounces/unsubscribe.ts'
import type { CommitLane, Delivery } from '../commit-lane.ts'
import type { OutboundMessage } from '../outbound/queue.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import { decideForRecipient } from '../routing/decide.ts'
import { decideForwards, refuseForwards } from '../routing/decide-forwards.ts'
import { uniquePlacements } from '../routing/placements.ts'
import { greylistArrival } from '../spam/greylist.ts'
import { type SpamScore, scoreArrival } from '../spam/judge.ts'
import { receivedField, returnPathField } from '../trace.ts'
import type { Arrival, ArrivalRefusal, Authentication, RecipientDecision, SpamVerdict } from './arrival.ts'
import { authenticateArrival } from './authenticate.ts'

export type AcceptResult =
  | { kind: 'accepted'; sizeBytes: number }
  /** A recipient's mailbox vanished after RCPT TO; nothing was stored. */
  | { kind: 'gone' }
  | ArrivalRefusal

/** Takes an arrival, or refuses it whole. Resolves after the commit; rejects when nothing could be stored. */
export async function acceptArrival(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
): Promise<AcceptResult> {
  if (arrival.login !== null) {
    return await deliver(platform, lane, applyUnsubscribe(platform, arrival), null, null)
  }
  const authentication = await authenticateArrival(platform, arrival)
  const greylisted = await greylistArrival(platform, arrival, authentication)
  if (greylisted !== null) return greylisted
  const score = await scoreArrival(platform, arrival, authentication)
  return await deliver(platform, lane, arrival, authentication, score)
}

async function deliver(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
  authentication: Authentication | null,
  score: SpamScore | null,
): Promise<AcceptResult> {
  const decisions: RecipientDecision[] = []
  for (const recipient of arrival.local) {
    const policy = await deliveryPolicyOf(platform, { ...recipient.owner, domainId: recipient.domainId })
    const spam = score === null ? null : verdictOf(score, policy)
    const quarantined = authentication?.dmarc.disposition === 'quarantine'
    decisions.push(
      await decideForRecipient(platform, { arrival, recipient, authentication, spam, quarantined }),
    )
  }
  decisions.push(
    ...(await decideForwards(platform, arrival, authentication, (policy) =>
      score === null ? null : verdictOf(score, policy),
    )),
  )
  const refusal = refuseForwards(arrival, decisions)
  if (refusal !== null) return refusal
  const leading = leadingFields(platform, arrival, authentication)
  const body = await stage(platform, arrival, leading.join(''))
  if (authentication !== null) body.trust = trustOf(arrival, authentication)
  const sized = { skipBytes: Buffer.byteLength(leading[0] ?? ''), bodyBytes: body.sizeBytes }
  const reports = reportJobs(arrival, body.id)
  const delivery: Delivery = {
    body,
    internalDate: arrival.at,
    placements: uniquePlacements(decisions),
    outbound: [
      ...submissionOf(arrival, body, sized),
      ...decisions.flatMap(({ forwards }) => forwards).map((forward) => ({ ...forward, ...sized })),
    ],
    jobs: [...decisions.flatMap(({ jobs }) => jobs), ...reports.jobs],
    events: decisions.flatMap(({ events = [] }) => events),
    holders: reports.holders,
  }
  const result = await lane.deliver(delivery)
  return result.kind === 'stored' ? { kind: 'accepted', sizeBytes: body.sizeBytes } : result
}

function verdictOf({ score, symbols }: SpamScore, policy: DeliveryPolicy): SpamVerdict | null {
  if (policy.spam_filter === 'off') return null
  return { score, symbols, action: score >= policy.junk_score ? 'junk' : 'accept' }
}

/** The first is for final delivery only: what leaves goes without it (RFC 5321 §4.4). */
function leadingFields(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication | null,
): string[] {
  const [only] = [...arrival.local, ...arrival.remote]
  return [
    returnPathField(arrival.mailFrom),
    authentication?.fields ?? '',
    receivedField({
      helo: arrival.helo,
      remoteAddress: arrival.remoteAddress,
      by: platform.config.hostname,
      protocol: arrival.protocol,
      id: arrival.id,
      recipient: arrival.local.length + arrival.remote.length === 1 && only ? only.address : null,
      at: arrival.at,
    }),
  ]
}

async function stage(platform: Platform, { message }: Arrival, leading: string): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  try {
    await writer.write(Buffer.from(leading))
    for await (const piece of message.read()) await writer.write(piece)
    return await writer.finish()
  } catch (error) {
    await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
}

function submissionOf(
  arrival: Arrival,
  body: StagedBody,
  sized: { skipBytes: number; bodyBytes: number },
): OutboundMessage[] {
  if (arrival.login === null || arrival.remote.length === 0) return []
  return [
    {
      owner: arrival.login,
      kind: 'submission',
      mailFrom: arrival.mailFrom,
      smtputf8: arrival.smtputf8,
      ...sized,
      signingDomain: arrival.mailFrom.slice(arrival.mailFrom.lastIndexOf('@') + 1) || null,
      ret: arrival.ret,
      envid: arrival.envid,
      requireTls: arrival.requireTls,
      messageId: body.parsed.messageId,
      arc: null,
      notBefore: arrival.notBefore,
      recipients: arrival.remote,
    },
  ]
}

function trustOf(arrival: Arrival, authentication: Authentication): Trust {
  const { spf, dkim, dmarc, arc } = authentication
  return {
    remote: { address: arrival.remoteAddress, helo: arrival.helo, tls: arrival.tls },
    mail_from: arrival.mailFrom,
    spf,
    dkim,
    dmarc,
    arc,
    spam: null,
    look_alike: null,
    reply_to_mismatch: null,
    hidden_text: false,
  }
}
