/** From decisions to a delivery: what is the same for mail from outside, for submissions and for what we write ourselves. */
import type { StagedBody } from '../../messages/bodies.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Platform } from '../../platform/platform.ts'
import { reportJobs } from '../bounces/recognise.ts'
import type { Delivery } from '../commit-lane.ts'
import type { OutboundMessage } from '../outbound/queue.ts'
import { reportIntakes } from '../reports/intake.ts'
import { decideForRecipient } from '../routing/decide.ts'
import { decideForwards } from '../routing/decide-forwards.ts'
import { uniquePlacements } from '../routing/placements.ts'
import type { Arrival, RecipientDecision } from './arrival.ts'

export type Plan = {
  body: StagedBody
  decisions: readonly RecipientDecision[]
  /** Leading bytes that are for readers here only: what leaves goes without them (RFC 5321 §4.4). */
  localBytes: number
  /** What the sender itself sends elsewhere. */
  own: readonly Omit<OutboundMessage, 'bodyBytes' | 'skipBytes'>[]
}

/** The decisions about a message of our own, which nothing has to be found out about. */
export async function decideForOwn(platform: Platform, arrival: Arrival): Promise<RecipientDecision[]> {
  const judged = { authentication: null, spam: null, quarantined: false }
  const decided = await Promise.all(
    arrival.local.map((recipient) => decideForRecipient(platform, { arrival, recipient, ...judged })),
  )
  return [...decided, ...(await decideForwards(platform, arrival, null, () => null))]
}

export function planDelivery(arrival: Arrival, { body, decisions, localBytes, own }: Plan): Delivery {
  const sized = { skipBytes: localBytes, bodyBytes: body.sizeBytes }
  const leaving = [...own, ...decisions.flatMap(({ forwards }) => forwards)]
  const bounces = reportJobs(arrival, body.id)
  const reports = reportIntakes(body.id, arrival.reports ?? [])
  return {
    body,
    internalDate: arrival.at,
    placements: uniquePlacements(decisions),
    outbound: leaving.map((message) => ({ ...message, ...sized })),
    jobs: [...decisions.flatMap(({ jobs }) => jobs), ...bounces.jobs, ...reports.jobs],
    events: decisions.flatMap(({ events = [] }) => events),
    holders: [...bounces.holders, ...reports.holders],
  }
}

/** Whose contacts the recipients of a submission become. */
export function sentBy(
  { local, remote, asked }: Arrival,
  { organizationId, workspaceId, mailboxId }: MailboxOwner,
): NonNullable<Delivery['sentBy']> {
  const reached = [...local, ...remote].map(({ address }) => address)
  const addressed = asked?.map(({ address }) => address) ?? reached
  const here = asked?.filter(({ isHere }) => isHere) ?? local
  return {
    organizationId,
    workspaceId,
    mailboxId,
    recipients: [...new Set([...reached, ...addressed])],
    addressedCount: addressed.length,
    delivered: here.map(({ address }) => address),
  }
}

/** What leaves of a message that a mailbox sends; nothing when it is for mailboxes here alone. */
export function ownOutbound(
  arrival: Arrival,
  { owner, kind, signingDomain }: Pick<OutboundMessage, 'owner' | 'kind' | 'signingDomain'>,
  { parsed }: StagedBody,
): Plan['own'] {
  if (arrival.remote.length === 0) return []
  return [
    {
      owner,
      kind,
      mailFrom: arrival.mailFrom,
      smtputf8: arrival.smtputf8,
      signingDomain,
      ret: arrival.ret,
      envid: arrival.envid,
      requireTls: arrival.requireTls,
      messageId: parsed.messageId?.replace(/^<|>$/g, '') ?? null,
      arc: null,
      notBefore: arrival.notBefore,
      recipients: arrival.remote,
    },
  ]
}
