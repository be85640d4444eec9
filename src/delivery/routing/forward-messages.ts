/**
 * Forwards: a message goes on with a sender of ours (SRS), sealed with ARC; the null sender stays null.
 *
 * Circles end in three ways: forwards of ours are followed once each (expand.ts, decide.ts); what comes back from elsewhere
 * has one more Received field, and past a number of them it goes on no more; and its bounce, having the null sender,
 * is no message that could bounce again. A field of our own in the message would not help: the body is shared by all
 * recipients of a delivery.
 */
import type { Tx } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication, RecipientDecision } from '../inbound/arrival.ts'
import type { ArcRecord } from '../outbound/tables.ts'
import type { ForwardTarget } from './expand.ts'
import { headerFactsOf } from './header-facts.ts'
import { rewriteSender, srsKeyOf } from './srs.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'forward.failed': {
      /** Who forwards: a mailbox's address, a forward's, `@domain` of a catch-all. */
      address: string
      target: string
      reason: string
      /** Null when it did not come as far as the queue. */
      outbound_recipient_id: string | null
    }
  }
}

/** Received fields of a message that is forwarded no more. */
export const forwardHopsMax = 25

/** @returns what is queued, and events for what cannot be sent. */
export function forwardMessages(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication | null,
  targets: readonly ForwardTarget[],
): Pick<RecipientDecision, 'forwards'> & { events: NewEvent[] } {
  if (targets.length === 0) return { forwards: [], events: [] }
  const header = headerFactsOf(arrival.message)
  const isCircling = (header.values.get('received')?.length ?? 0) >= forwardHopsMax
  const judged = targets.map((target) =>
    isCircling ? { ...target, problem: 'The message has been forwarded too often.' } : target,
  )
  const sent = Map.groupBy(
    judged.filter(({ problem }) => problem === null),
    ({ forwarder }) => forwarder.address,
  )
  const forwards = [...sent.values()].flatMap(([first, ...others]) =>
    first ? [forwardMessage(platform, arrival, authentication, [first, ...others])] : [],
  )
  return { forwards, events: judged.flatMap((target) => failure(target) ?? []) }
}

function forwardMessage(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication | null,
  targets: readonly [ForwardTarget, ...ForwardTarget[]],
): RecipientDecision['forwards'][number] {
  const [{ forwarder }] = targets
  const now = platform.clock.now()
  const mailFrom = rewriteSender(arrival.mailFrom, forwarder.domain, srsKeyOf(platform.vault), now)
  return {
    owner: forwarder.owner,
    kind: 'forward',
    mailFrom,
    smtputf8: arrival.smtputf8 || [mailFrom, ...targets.map(({ address }) => address)].some(hasBeyondAscii),
    signingDomain: forwarder.domain,
    ret: arrival.ret,
    envid: arrival.envid,
    requireTls: arrival.requireTls,
    messageId: headerFactsOf(arrival.message).messageId,
    arc: authentication?.arcRecord ?? ownRecord(platform, arrival),
    notBefore: null,
    recipients: targets.map(({ address, domain }) => ({ address, domain, notify: null, orcpt: null })),
  }
}

/** Of what a login of ours sends: nobody else has looked at it, and its author is known (RFC 8601 §2.7.4). */
function ownRecord(platform: Platform, { login }: Arrival): ArcRecord | null {
  return login === null ? null : { authResults: `${platform.config.hostname}; auth=pass`, cv: 'none' }
}

function failure({ forwarder, address: target, problem: reason }: ForwardTarget): NewEvent | null {
  if (reason === null) return null
  const data = { address: forwarder.address, target, reason, outbound_recipient_id: null }
  return { type: 'forward.failed', ...forwarder.owner, data }
}

/**
 * Tells of forwards among recipients that have bounced for good; others are left out. The sender hears of it by the bounce
 * that goes to the rewritten address.
 * @param recipientIds of the queue.
 */
export async function forwardBounced(
  platform: Platform,
  tx: Tx,
  recipientIds: readonly string[],
): Promise<void> {
  if (recipientIds.length === 0) return
  const rows = await tx
    .selectFrom('outbound_recipients')
    .innerJoin('outbound_messages', 'outbound_messages.id', 'outbound_message_id')
    .leftJoin('mailboxes', 'mailboxes.id', 'outbound_recipients.mailbox_id')
    .select([
      'outbound_recipients.id',
      'outbound_recipients.organization_id',
      'outbound_recipients.workspace_id',
      'outbound_recipients.mailbox_id',
      'rcpt_to',
      'last_reply',
      'signing_domain',
      'mailboxes.address',
    ])
    .where('outbound_recipients.id', 'in', recipientIds)
    .where('kind', '=', 'forward')
    .execute()
  const events = rows.map((row): NewEvent => {
    const owner = {
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      mailboxId: row.mailbox_id,
    }
    const address = row.address ?? `@${row.signing_domain ?? ''}`
    const reason = row.last_reply ?? 'It could not be delivered.'
    const data = { address, target: row.rcpt_to, reason, outbound_recipient_id: row.id }
    return { type: 'forward.failed', ...owner, data }
  })
  await appendEvents(platform, tx, events)
}

function hasBeyondAscii(text: string): boolean {
  return /[^\x20-\x7e]/.test(text)
}
