/**
 * The way in: an arrival is looked at, authenticated, scored, and decided about for each of its recipients; what that
 * comes to is committed in one piece. Faces make arrivals and turn the outcome into their protocol's words.
 */
import type { HeaderField } from '../../messages/mime/header-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { holdMessage, type NewHeld } from '../approvals/hold.ts'
import { judgeSending, notAllowed } from '../approvals/sending-mode.ts'
import { applyUnsubscribe } from '../bounces/unsubscribe.ts'
import type { CommitLane, Delivery } from '../commit-lane.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import { observeRefused } from '../reports/observe.ts'
import { decideForRecipient } from '../routing/decide.ts'
import { decideForwards, refuseForwards } from '../routing/decide-forwards.ts'
import { greylistArrival } from '../spam/greylist.ts'
import { scoreArrival } from '../spam/judge.ts'
import { receivedField, returnPathField } from '../trace.ts'
import type { Arrival, ArrivalRefusal } from './arrival.ts'
import { headerFieldsOf } from './arrival-fields.ts'
import { authenticateArrival } from './authenticate.ts'
import { isForged } from './header-edits.ts'
import { decideForOwn, ownOutbound, planDelivery, sentBy } from './plan.ts'
import { dmarcOutcome, spamOutcome, spamVerdict } from './policy-outcome.ts'
import { refusal, refuseMessage } from './refuse.ts'
import { type Staging, stageMessage } from './stage.ts'
import { isPrivate, missingFields, refuseAuthors, signingDomainOf } from './submission.ts'
import { type Judgement, spamField, trustOf } from './trust-block.ts'

export type AcceptResult =
  | { kind: 'accepted'; sizeBytes: number }
  /** By the sending mode of who sends it: stored, and nothing of it goes before it is approved. */
  | { kind: 'held'; approvalId: string; sizeBytes: number }
  /** A recipient's mailbox vanished after RCPT TO; nothing was stored. */
  | { kind: 'gone' }
  | ArrivalRefusal

/** Takes an arrival, or refuses it whole. Resolves after the commit; rejects when nothing could be stored. */
export async function acceptArrival(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
): Promise<AcceptResult> {
  const asked = applyUnsubscribe(platform, arrival)
  const fields = headerFieldsOf(asked.message)
  const refused = refuseMessage(asked, fields, platform.config.hostname)
  if (refused !== null) return refused
  return asked.login === null
    ? await acceptInbound(platform, lane, asked, fields)
    : await acceptSubmission(platform, lane, asked, fields, asked.login)
}

async function acceptInbound(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
  fields: readonly HeaderField[],
): Promise<AcceptResult> {
  const policies = await policiesOf(platform, arrival)
  const authentication = await authenticateArrival(platform, arrival)
  const dmarc = dmarcOutcome(arrival.role, authentication.dmarc, policies)
  if (dmarc.refused !== null) {
    await observeRefused(platform, arrival, authentication)
    return dmarc.refused
  }
  const greylisted = arrival.role === 'mx' ? await greylistArrival(platform, arrival, authentication) : null
  if (greylisted !== null) return greylisted
  const isFiltered = policies.some((policy) => policy.spam_filter === 'on')
  const score = isFiltered ? await scoreArrival(platform, arrival, authentication) : null
  const { refused, verdicts } = spamOutcome(
    arrival.role,
    policies.map((policy) => spamVerdict(score, policy)),
  )
  if (refused !== null) return refused
  const decided = await Promise.all(
    arrival.local.map((recipient, at) =>
      decideForRecipient(platform, {
        arrival,
        recipient,
        authentication,
        spam: verdicts[at] ?? null,
        quarantined: dmarc.quarantined[at] ?? false,
      }),
    ),
  )
  const done = { ...authentication, dmarc: dmarc.verdict }
  const decisions = [
    ...decided,
    ...(await decideForwards(platform, arrival, done, (policy) => spamVerdict(score, policy))),
  ]
  const unforwarded = refuseForwards(arrival, decisions)
  if (unforwarded !== null) return unforwarded
  const judgement: Judgement = { authentication, dmarc: dmarc.verdict, verdicts }
  const local = returnPathField(arrival.mailFrom) + spamField(verdicts)
  const body = await stageMessage(platform, {
    message: arrival.message,
    fields,
    leading: local + authentication.fields + traceField(platform, arrival),
    isRemoved: (field) => isForged(field, platform.config.hostname),
  })
  body.trust = await trustOf(platform, arrival, body, judgement)
  const plan = { body, decisions, localBytes: Buffer.byteLength(local), own: [] }
  return await commit(lane, planDelivery(arrival, plan))
}

async function acceptSubmission(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
  fields: readonly HeaderField[],
  login: MailboxOwner,
): Promise<AcceptResult> {
  const refused = await refuseAuthors(platform, login, arrival, fields)
  if (refused !== null) return refused
  const verdict = await judgeSending(platform, login, arrival)
  if (verdict.kind === 'refuse') return notAllowed
  const { hostname } = platform.config
  // RFC 8601 §2.7.4; for readers here: what leaves proves itself by its signature.
  const local = `${returnPathField(arrival.mailFrom)}Authentication-Results: ${hostname}; auth=pass\r\n`
  const staging: Staging = {
    message: arrival.message,
    fields,
    leading: local + traceField(platform, arrival) + missingFields(arrival, fields, hostname),
    isRemoved: (field) => isPrivate(field) || isForged(field, hostname),
  }
  const localBytes = Buffer.byteLength(local)
  if (verdict.kind === 'hold') {
    const body = await stageMessage(platform, staging)
    return await holdSubmission(platform, { owner: login, verdict, arrival, body, skipBytes: localBytes })
  }
  const decisions = await decideForOwn(platform, arrival)
  const unforwarded = refuseForwards(arrival, decisions)
  if (unforwarded !== null) return unforwarded
  const body = await stageMessage(platform, staging)
  const sender = {
    owner: login,
    kind: 'submission',
    signingDomain: signingDomainOf(fields, arrival.mailFrom),
  } as const
  const own = ownOutbound(arrival, sender, body)
  const plan = { body, decisions, localBytes, own }
  return await commit(lane, { ...planDelivery(arrival, plan), sentBy: sentBy(arrival, login) })
}

/** Resolves after the commit. */
async function holdSubmission(
  platform: Platform,
  held: Omit<NewHeld, 'source' | 'requestedBy'>,
): Promise<AcceptResult> {
  const requestedBy = `mailbox:${held.owner.mailboxId}`
  try {
    const approvalId = await transaction(platform.db, (tx) =>
      holdMessage(platform, tx, { ...held, source: 'submission', requestedBy }),
    )
    return { kind: 'held', approvalId, sizeBytes: held.body.sizeBytes }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const isFull = error.code === 'sending_limit_reached'
    return refusal(isFull ? 452 : 450, isFull ? '4.5.3' : '4.2.1', error.detail)
  }
}

/** Of the local recipients, in their order, and then of the domains whose addresses forward. */
async function policiesOf(platform: Platform, { local, forwards = [] }: Arrival): Promise<DeliveryPolicy[]> {
  const forwarders = new Map(forwards.map(({ forwarder: { owner } }) => [owner.mailboxId, owner]))
  return await Promise.all([
    ...local.map(({ owner, domainId }) => deliveryPolicyOf(platform, { ...owner, domainId })),
    ...[...forwarders.values()].map(({ workspaceId, mailboxId }) =>
      deliveryPolicyOf(platform, { workspaceId, domainId: mailboxId }),
    ),
  ])
}

function traceField(platform: Platform, arrival: Arrival): string {
  const [only, ...others] = [...arrival.local, ...arrival.remote]
  return receivedField({
    helo: arrival.helo,
    remoteAddress: arrival.remoteAddress,
    by: platform.config.hostname,
    protocol: arrival.protocol,
    id: arrival.id,
    recipient: only && others.length === 0 ? only.address : null,
    at: arrival.at,
  })
}

async function commit(lane: CommitLane, delivery: Delivery): Promise<AcceptResult> {
  const result = await lane.deliver(delivery)
  return result.kind === 'stored' ? { kind: 'accepted', sizeBytes: delivery.body.sizeBytes } : result
}
