/**
 * Counting what is queued, in the transaction that queues it: here a limit holds whatever else happens at the same
 * moment, because the counters' rows are locked until the commit. They are locked in the order of their ids.
 *
 * Submissions count. Forwards do not: a stranger's mail would use up what the mailbox's own people may send, and loops
 * and floods are for inbound checks to stop. What the platform says by itself (reports, autoreplies) does not either.
 */
import { sql } from 'kysely'
import type { MailboxOwner } from '../../messages/owner.ts'
import { afterCommit, type Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { OutboundKind } from '../outbound/tables.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import { type Limit, limitRefusal, limitsOf, pauseRefusal } from './limits.ts'
import { recipientScopeId } from './recipient-scope.ts'
import { SendingRefused } from './refused.ts'
import { addressHash, sentRecipientRefreshDays } from './sent-recipients.ts'
import {
  countedBy,
  domainsOf,
  memoryOf,
  type Sender,
  toUsage,
  type Usage,
  type UsageRow,
  windowStarts,
} from './usage.ts'
import { fitsAt, slidingCount } from './windows.ts'

/** What of a queue entry is counted. */
export type CountedEntry = {
  message: { owner: MailboxOwner; kind: OutboundKind; recipients: readonly { address: string }[] }
}

/**
 * Counts the recipients of submissions against the limits of their mailboxes, domains and workspaces.
 * @throws SendingRefused when some entries do not fit or their sender is paused; it names those. The transaction must
 *   roll back: all of them were counted.
 */
export async function countQueued(
  platform: Platform,
  tx: Tx,
  entries: readonly CountedEntry[],
): Promise<void> {
  const submissions = entries.flatMap(({ message }, index) =>
    message.kind === 'submission' && message.recipients.length > 0 ? [{ message, index }] : [],
  )
  if (submissions.length === 0) return
  const senders = await sendersOf(platform, tx, submissions)
  const now = platform.clock.now()
  const policies = await policiesOf(platform, tx, senders)
  const { usages, added } = await addToCounters(tx, senders, submissions, policies, now)
  const judged = judge(senders, submissions, { usages, added, policies, now })
  const memory = memoryOf(platform)
  if (judged.refused.size > 0) {
    // What was admitted at RCPT for these is over; the others come again.
    for (const [id, tally] of judged.given) memory.reservations.settle(id, tally)
    throw new SendingRefused(judged.refused)
  }
  afterCommit(tx, () => {
    for (const [id, usage] of usages) memory.usages.set(id, usage)
    for (const [id, tally] of judged.counted) memory.reservations.settle(id, tally)
  })
}

type Submission = CountedEntry & { index: number }

async function sendersOf(
  platform: Platform,
  tx: Tx,
  submissions: readonly Submission[],
): Promise<Map<string, Sender & { organizationId: string }>> {
  const owners = new Map(submissions.map(({ message: { owner } }) => [owner.mailboxId, owner]))
  const domains = await domainsOf(platform, tx, [...owners.keys()])
  return new Map(
    [...owners].flatMap(([mailboxId, { workspaceId, organizationId }]) => {
      const domainId = domains.get(mailboxId)
      return domainId === undefined ? [] : [[mailboxId, { mailboxId, domainId, workspaceId, organizationId }]]
    }),
  )
}

/** From memory, nearly always. */
async function policiesOf(
  platform: Platform,
  tx: Tx,
  senders: ReadonlyMap<string, Sender>,
): Promise<Policies> {
  const policies = new Map<string, DeliveryPolicy>()
  for (const [mailboxId, sender] of senders)
    policies.set(mailboxId, await deliveryPolicyOf(platform, sender, tx))
  return policies
}

/** By mailbox. */
type Policies = ReadonlyMap<string, DeliveryPolicy>

type Counted = {
  /** By scope, with what was added. */
  usages: Map<string, Usage>
  /** `mailbox hash` of addresses that are new to their mailbox. */
  added: Set<string>
}

async function addToCounters(
  tx: Tx,
  senders: ReadonlyMap<string, Sender & { organizationId: string }>,
  submissions: readonly Submission[],
  policies: Policies,
  now: Date,
): Promise<Counted> {
  const sent = submissions.flatMap(({ message }) =>
    message.recipients.map(({ address }) => ({
      mailbox_id: message.owner.mailboxId,
      address_hash: addressHash(address),
    })),
  )
  const counts = Map.groupBy(sent, (one) => one.mailbox_id)
  const from = [...senders.values()].map(({ mailboxId, domainId, workspaceId, organizationId }) => ({
    mailbox_id: mailboxId,
    domain_id: domainId,
    workspace_id: workspaceId,
    organization_id: organizationId,
    recipients: counts.get(mailboxId)?.length ?? 0,
  }))
  const each = new Map<string, number>()
  for (const { message } of submissions) {
    for (const id of recipientIdsOf(message, policies)) each.set(id, (each.get(id) ?? 0) + 1)
  }
  const limited = [...each].map(([scope_id, recipients]) => ({ scope_id, recipients }))
  const { rows } = await statement(from, sent, limited, now).execute(tx)
  const added = new Set(rows.flatMap((row) => (row.added ?? []).map((hash) => `${row.scope_id} ${hash}`)))
  return { usages: new Map(rows.map((row) => [row.scope_id, toUsage(row, now)])), added }
}

/** One statement, so that the rows are locked as late and as shortly as can be. */
function statement(from: readonly object[], sent: readonly object[], limited: readonly object[], now: Date) {
  const { hour, hourBefore, day, dayBefore } = windowStarts(now)
  const refreshBefore = new Date(now.getTime() - sentRecipientRefreshDays * 86_400_000)
  return sql<UsageRow & { added: string[] | null }>`/* prepared count_queued */
    with senders as (
      select * from json_to_recordset(${JSON.stringify(from)}::json) as s (mailbox_id uuid, domain_id uuid,
        workspace_id uuid, organization_id uuid, recipients bigint)
    ), sent as (
      select distinct mailbox_id, address_hash from json_to_recordset(${JSON.stringify(sent)}::json)
        as a (mailbox_id uuid, address_hash bigint)
    ), added as (
      insert into sent_recipients (mailbox_id, address_hash, last_sent_at)
      select mailbox_id, address_hash, ${now}::timestamptz from sent order by mailbox_id, address_hash
      on conflict do nothing returning mailbox_id, address_hash
    ), refreshed as (
      update sent_recipients set last_sent_at = ${now}::timestamptz
      where (mailbox_id, address_hash) in (
        select mailbox_id, address_hash from sent_recipients join sent using (mailbox_id, address_hash)
        where last_sent_at < ${refreshBefore}::timestamptz
        order by mailbox_id, address_hash for update of sent_recipients skip locked)
    ), fresh as (
      select mailbox_id, count(*) as new_recipients, array_agg(address_hash::text) as added from added group by mailbox_id
    ), sums as (
      select scope_id, sum(recipients) as recipients, sum(coalesce(new_recipients, 0)) as new_recipients
      from senders left join fresh using (mailbox_id)
        cross join lateral (values (mailbox_id), (domain_id), (workspace_id)) as scope (scope_id)
      group by scope_id
      union all
      select scope_id, recipients, 0
      from json_to_recordset(${JSON.stringify(limited)}::json) as e (scope_id uuid, recipients bigint)
    ), counted as (
      insert into sending_counters (scope_id, span, window_start, recipients, new_recipients)
      select scope_id, span, window_start, recipients, new_recipients
      from sums cross join (values ('day', ${day}::timestamptz), ('hour', ${hour}::timestamptz))
        as windows (span, window_start)
      order by scope_id, span
      on conflict (scope_id, span, window_start) do update set
        recipients = sending_counters.recipients + excluded.recipients,
        new_recipients = sending_counters.new_recipients + excluded.new_recipients
      returning *
    ), started as (
      insert into sending_states (scope_id, scope, organization_id, workspace_id, first_sent_at)
      select mailbox_id, 'mailbox', organization_id, workspace_id, ${now}::timestamptz from senders
      where not exists (select from sending_states where scope_id = mailbox_id and first_sent_at is not null)
      order by mailbox_id
      on conflict (scope_id) do update set first_sent_at = excluded.first_sent_at
        where sending_states.first_sent_at is null
    )
    select d.scope_id, h.recipients as hour_recipients, coalesce(hb.recipients, 0) as hour_before,
      d.recipients as day_recipients, coalesce(db.recipients, 0) as day_before, d.new_recipients as day_new,
      coalesce(db.new_recipients, 0) as day_new_before, coalesce(first_sent_at, ${now}::timestamptz) as first_sent_at,
      paused_at, pause_reason, paused_by, fresh.added
    from counted d join counted h on h.scope_id = d.scope_id and h.span = 'hour'
      left join sending_counters hb on hb.scope_id = d.scope_id and hb.span = 'hour'
        and hb.window_start = ${hourBefore}::timestamptz
      left join sending_counters db on db.scope_id = d.scope_id and db.span = 'day'
        and db.window_start = ${dayBefore}::timestamptz
      left join sending_states s on s.scope_id = d.scope_id
      left join fresh on fresh.mailbox_id = d.scope_id
    where d.span = 'day'`
}

type Tally = { recipients: number; newRecipients: number }

/** Goes through the entries in order: each takes its place, or is refused and leaves it to the next. */
function judge(
  senders: ReadonlyMap<string, Sender>,
  submissions: readonly Submission[],
  { usages, added, policies, now }: Counted & { policies: Policies; now: Date },
): { refused: SendingRefused['refused']; counted: Map<string, Tally>; given: Map<string, Tally> } {
  const refused = new Map<number, ReturnType<typeof limitRefusal>>()
  const counted = new Map<string, Tally>()
  /** Of those that are refused. */
  const given = new Map<string, Tally>()
  const needs = submissions.map(({ message }) => needOf(message, added))
  const total = new Map<string, Tally>()
  for (const [at, { message }] of submissions.entries()) {
    const sender = senders.get(message.owner.mailboxId)
    if (!sender) continue
    for (const id of Object.values(idsOf(sender))) addTo(total, id, needs[at])
    for (const id of recipientIdsOf(message, policies)) addTo(total, id, oneMessage)
  }
  for (const [at, { message, index }] of submissions.entries()) {
    const sender = senders.get(message.owner.mailboxId)
    const need = needs[at]
    const policy = policies.get(message.owner.mailboxId)
    if (!sender || !need || !policy) continue // purged in this moment: there is nobody to count for
    const ids = idsOf(sender)
    const recipientIds = recipientIdsOf(message, policies)
    const limits = limitsOf(policy, usages.get(sender.mailboxId)?.firstSentAt ?? null, now)
    const placeAt = (limit: Limit, id: string, more: Tally): Place | undefined => {
      const usage = usages.get(id)
      return usage && placeOf(limit, usage, total.get(id), counted.get(id), more, now)
    }
    const refusal =
      pausedBy(ids, usages) ??
      firstPassed(limits, (limit) =>
        limit.scope === 'recipient'
          ? recipientIds.map((id) => placeAt(limit, id, oneMessage)).find((place) => place?.isTaken)
          : placeAt(limit, ids[limit.scope], need),
      )
    if (refusal !== null) refused.set(index, refusal)
    const tallies = refusal === null ? counted : given
    for (const id of Object.values(ids)) addTo(tallies, id, need)
    for (const id of recipientIds) addTo(tallies, id, oneMessage)
  }
  return { refused, counted, given }
}

const oneMessage: Tally = { recipients: 1, newRecipients: 0 }

/** The counters of the recipients of a message, where its sender has a limit for each. */
function recipientIdsOf({ owner, recipients }: CountedEntry['message'], policies: Policies): string[] {
  const max = policies.get(owner.mailboxId)?.mailbox_recipient_per_day ?? null
  return max === null ? [] : recipients.map(({ address }) => recipientScopeId(owner.mailboxId, address))
}

function idsOf({ mailboxId, domainId, workspaceId }: Sender) {
  return { mailbox: mailboxId, domain: domainId, workspace: workspaceId }
}

/** An address that is new to the mailbox is so for the first message only. */
function needOf(message: CountedEntry['message'], added: Set<string>): Tally {
  const need = { recipients: message.recipients.length, newRecipients: 0 }
  for (const { address } of message.recipients) {
    if (added.delete(`${message.owner.mailboxId} ${addressHash(address)}`)) need.newRecipients += 1
  }
  return need
}

function addTo(tallies: Map<string, Tally>, id: string, more: Tally | undefined): void {
  const tally = tallies.get(id) ?? { recipients: 0, newRecipients: 0 }
  tally.recipients += more?.recipients ?? 0
  tally.newRecipients += more?.newRecipients ?? 0
  tallies.set(id, tally)
}

function pausedBy(ids: ReturnType<typeof idsOf>, usages: ReadonlyMap<string, Usage>) {
  for (const scope of ['mailbox', 'domain', 'workspace'] as const) {
    const paused = usages.get(ids[scope])?.paused ?? null
    if (paused !== null) return pauseRefusal(scope, paused.reason)
  }
  return null
}

type Place = { isTaken: boolean; freeAt: Date | null }

/** Whether an entry still fits behind those that were taken before it. */
function placeOf(
  limit: Limit,
  usage: Usage,
  total: Tally | undefined,
  before: Tally | undefined,
  need: Tally,
  now: Date,
): Place {
  const key = limit.counts === 'new_recipients' ? 'newRecipients' : 'recipients'
  const windows = countedBy(limit, usage)
  // What was counted is in the present window: without this transaction it had so much less.
  const without = { ...windows, current: windows.current - (total?.[key] ?? 0) + (before?.[key] ?? 0) }
  const isTaken = need[key] > 0 && slidingCount(without, now) + need[key] > limit.max
  return { isTaken, freeAt: isTaken ? fitsAt(without, limit.max, need[key], now) : null }
}

function firstPassed(limits: readonly Limit[], place: (limit: Limit) => Place | undefined) {
  for (const limit of limits) {
    const found = place(limit)
    if (found?.isTaken) return limitRefusal(limit, found.freeAt)
  }
  return null
}
