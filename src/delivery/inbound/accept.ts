/**
 * The way in: an arrival is looked at, authenticated, scored, and decided about for each of its recipients; what that
 * comes to is committed in one piece. Faces make arrivals and turn the outcome into their protocol's words.
 */
import type { StagedBody } from '../../messages/bodies.ts'
import { type HeaderField, parseHeaderFields } from '../../messages/mime/header-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Platform } from '../../platform/platform.ts'
import type { CommitLane, Delivery } from '../commit-lane.ts'
import type { OutboundMessage } from '../outbound/queue.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import { decideForRecipient } from '../routing/decide.ts'
import { greylistArrival } from '../spam/greylist.ts'
import { scoreArrival } from '../spam/judge.ts'
import { receivedField, returnPathField } from '../trace.ts'
import type { Arrival, ArrivalRefusal, RecipientDecision } from './arrival.ts'
import { authenticateArrival } from './authenticate.ts'
import { isForged } from './header-edits.ts'
import { dmarcOutcome, spamOutcome, spamVerdict } from './policy-outcome.ts'
import { refuseMessage } from './refuse.ts'
import { stageMessage } from './stage.ts'
import { isPrivate, missingFields, refuseAuthors, signingDomainOf } from './submission.ts'
import { type Judgement, spamField, trustOf } from './trust-block.ts'

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
  const fields = parseHeaderFields(arrival.message.header)
  const refused = refuseMessage(arrival, fields, platform.config.hostname)
  if (refused !== null) return refused
  return arrival.login === null
    ? await acceptInbound(platform, lane, arrival, fields)
    : await acceptSubmission(platform, lane, arrival, fields, arrival.login)
}

async function acceptInbound(
  platform: Platform,
  lane: CommitLane,
  arrival: Arrival,
  fields: readonly HeaderField[],
): Promise<AcceptResult> {
  const policies = await Promise.all(arrival.local.map((recipient) => policyFor(platform, recipient)))
  const authentication = await authenticateArrival(platform, arrival)
  const dmarc = dmarcOutcome(arrival.role, authentication.dmarc, policies)
  if (dmarc.refused !== null) return dmarc.refused
  const greylisted = arrival.role === 'mx' ? await greylistArrival(platform, arrival, authentication) : null
  if (greylisted !== null) return greylisted
  const isFiltered = policies.some((policy) => policy.spam_filter === 'on')
  const score = isFiltered ? await scoreArrival(platform, arrival, authentication) : null
  const { refused, verdicts } = spamOutcome(
    arrival.role,
    policies.map((policy) => spamVerdict(score, policy)),
  )
  if (refused !== null) return refused
  const decisions = await Promise.all(
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
  const judgement: Judgement = { authentication, dmarc: dmarc.verdict, verdicts }
  const local = returnPathField(arrival.mailFrom) + spamField(verdicts)
  const body = await stageMessage(platform, {
    message: arrival.message,
    fields,
    leading: local + authentication.fields + traceField(platform, arrival),
    isRemoved: (field) => isForged(field, platform.config.hostname),
  })
  body.trust = await trustOf(platform, arrival, body, judgement)
  return await commit(lane, arrival, { body, decisions, localBytes: Buffer.byteLength(local), own: [] })
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
  const decisions = await Promise.all(
    arrival.local.map((recipient) =>
      decideForRecipient(platform, {
        arrival,
        recipient,
        authentication: null,
        spam: null,
        quarantined: false,
      }),
    ),
  )
  const { hostname } = platform.config
  // RFC 8601 §2.7.4; for readers here: what leaves proves itself by its signature.
  const local = `${returnPathField(arrival.mailFrom)}Authentication-Results: ${hostname}; auth=pass\r\n`
  const body = await stageMessage(platform, {
    message: arrival.message,
    fields,
    leading: local + traceField(platform, arrival) + missingFields(arrival, fields, hostname),
    isRemoved: (field) => isPrivate(field) || isForged(field, hostname),
  })
  const own = submissionOf(arrival, login, signingDomainOf(fields, arrival.mailFrom), body)
  return await commit(lane, arrival, { body, decisions, localBytes: Buffer.byteLength(local), own })
}

function policyFor(
  platform: Platform,
  { owner, domainId }: Arrival['local'][number],
): Promise<DeliveryPolicy> {
  return deliveryPolicyOf(platform, { ...owner, domainId })
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

type Accepted = {
  body: StagedBody
  decisions: readonly RecipientDecision[]
  /** Leading bytes that are for readers here only: what leaves goes without them (RFC 5321 §4.4). */
  localBytes: number
  /** What the login itself sends elsewhere. */
  own: readonly Omit<OutboundMessage, 'bodyBytes' | 'skipBytes'>[]
}

async function commit(
  lane: CommitLane,
  arrival: Arrival,
  { body, decisions, localBytes, own }: Accepted,
): Promise<AcceptResult> {
  const sized = { skipBytes: localBytes, bodyBytes: body.sizeBytes }
  const leaving = [...own, ...decisions.flatMap(({ forwards }) => forwards)]
  const delivery: Delivery = {
    body,
    internalDate: arrival.at,
    placements: decisions.flatMap(({ placements }) => placements),
    outbound: leaving.map((message) => ({ ...message, ...sized })),
    jobs: decisions.flatMap(({ jobs }) => jobs),
    holders: [],
    ...(arrival.login === null ? {} : { sentBy: sentBy(arrival, arrival.login) }),
  }
  const result = await lane.deliver(delivery)
  return result.kind === 'gone' ? result : { kind: 'accepted', sizeBytes: body.sizeBytes }
}

function sentBy({ local, remote }: Arrival, { mailboxId }: MailboxOwner): NonNullable<Delivery['sentBy']> {
  return { mailboxId, recipients: [...local, ...remote].map(({ address }) => address) }
}

function submissionOf(
  arrival: Arrival,
  login: MailboxOwner,
  signingDomain: string | null,
  body: StagedBody,
): Accepted['own'] {
  if (arrival.remote.length === 0) return []
  return [
    {
      owner: login,
      kind: 'submission',
      mailFrom: arrival.mailFrom,
      smtputf8: arrival.smtputf8,
      signingDomain,
      ret: arrival.ret,
      envid: arrival.envid,
      requireTls: arrival.requireTls,
      messageId: body.parsed.messageId?.replace(/^<|>$/g, '') ?? null,
      arc: null,
      notBefore: arrival.notBefore,
      recipients: arrival.remote,
    },
  ]
}
