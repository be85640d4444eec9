/** The automatic pause: a sender of whose mail too much bounces, or is complained about, harms everyone who sends from here. */
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import type { BounceClass } from '../bounces/classify.ts'
import { type SenderLevel, subjectOf } from '../levels.ts'
import { type DeliveryPolicy, deliveryPolicyOf, type PolicyLevel } from '../policies.ts'
import { pauseSending, settlePaused } from './pause.ts'
import { readUsage } from './usage.ts'
import { slidingCount, spanMs } from './windows.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'limits.review': { mailbox_id: string }
    'limits.review_all': Record<string, never>
  }
}

/** What speaks against the sender. A full mailbox or a server that is down does not. */
const countedClasses = ['unknown_recipient', 'blocked', 'spam'] as const satisfies readonly BounceClass[]

/**
 * Has the senders looked at of whose mail something bounced or was complained about.
 * @param mailboxIds may name one several times.
 */
export async function reviewAfterOutcomes(tx: Tx, mailboxIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    [...new Set(mailboxIds)].map((id) => ({
      name: 'limits.review' as const,
      payload: { mailbox_id: id },
      key: `limits.review:${id}`,
    })),
  )
}

/** What became of a sender's mail in the last day, or since it was resumed. */
export type Outcomes = { recipients: number; bounced: number; complained: number }

/** @param db the transaction, inside one. */
export async function outcomesOf(
  db: Db,
  level: Pick<PolicyLevel, 'workspaceId' | 'scopeId'>,
  now: Date,
): Promise<Outcomes> {
  const { rows } = await sql<{ bounced: number; complained: number }>`
    with period as (
      select greatest(${new Date(now.getTime() - spanMs.day)}::timestamptz, (
        select resumed_at from sending_states where scope_id = ${level.scopeId}::uuid)) as since
    ), bounced as (
      select r.id, r.mailbox_id, r.workspace_id, r.outbound_message_id from outbound_recipients r, period
      where r.workspace_id = ${level.workspaceId}::uuid and r.state = 'bounced' and r.finished_at > since
        and r.last_class = any(${[...countedClasses]}::text[])
    ), complained as (
      select distinct r.id, r.mailbox_id, r.workspace_id, r.outbound_message_id from period, outbound_steps s
        join outbound_recipients r on r.id = s.outbound_recipient_id
      where s.step = 'complained' and s.at > since and r.workspace_id = ${level.workspaceId}::uuid
    )
    select count(*) filter (where what = 'bounced') as bounced, count(*) filter (where what = 'complained') as complained
    from (select 'bounced' as what, * from bounced union all select 'complained', * from complained) as outcome
      join outbound_messages m on m.id = outbound_message_id and m.kind = 'submission'
      join mailboxes on mailboxes.id = outcome.mailbox_id
    where ${level.scopeId}::uuid in (outcome.mailbox_id, mailboxes.domain_id, outcome.workspace_id)`.execute(
    db,
  )
  const usage = (await readUsage(db, [level.scopeId], now)).get(level.scopeId)
  const recipients = usage ? Math.ceil(slidingCount(usage.day, now)) : 0
  return { recipients, bounced: rows[0]?.bounced ?? 0, complained: rows[0]?.complained ?? 0 }
}

/** @returns why the policy pauses a sender of these outcomes, or null. */
export function reasonToPause(
  policy: Pick<DeliveryPolicy, 'pause_minimum' | 'pause_bounce_percent' | 'pause_complaint_per_mille'>,
  { recipients, bounced, complained }: Outcomes,
): string | null {
  if (recipients < policy.pause_minimum) return null
  const { pause_bounce_percent: percent, pause_complaint_per_mille: perMille } = policy
  if (percent !== null && bounced > 0 && bounced * 100 >= percent * recipients) {
    return `${bounced} of ${recipients} recipients in a day bounced as unknown, blocked or spam`
  }
  if (perMille !== null && complained > 0 && complained * 1000 >= perMille * recipients) {
    return `${complained} of ${recipients} recipients in a day complained`
  }
  return null
}

/** The job: looks at a mailbox, its domain and its workspace, and pauses what passes its policy's rates. */
export async function reviewSender(platform: Platform, mailboxId: string): Promise<void> {
  for (const level of await levelsOf(platform.db, mailboxId)) {
    const policy = await deliveryPolicyOf(platform, subjectOf(level))
    const reason = reasonToPause(policy, await outcomesOf(platform.db, level, platform.clock.now()))
    if (reason === null) continue
    const paused = await transaction(platform.db, (tx) =>
      pauseSending(platform, tx, level, { by: 'platform', reason }),
    )
    if (paused)
      platform.log.warn({ event: 'sending.paused', scope: level.scope, scopeId: level.scopeId, reason })
  }
}

async function levelsOf(db: Db, mailboxId: string): Promise<SenderLevel[]> {
  const mailbox = await db
    .selectFrom('mailboxes')
    .select(['organization_id', 'workspace_id', 'domain_id'])
    .where('id', '=', mailboxId)
    .executeTakeFirst()
  if (!mailbox) return []
  const { organization_id: organizationId, workspace_id: workspaceId, domain_id: domainId } = mailbox
  return [
    { organizationId, workspaceId, domainId, scope: 'mailbox', scopeId: mailboxId },
    { organizationId, workspaceId, domainId, scope: 'domain', scopeId: domainId },
    { organizationId, workspaceId, domainId: null, scope: 'workspace', scopeId: workspaceId },
  ]
}

/** How far back the pass looks: longer than the time between two of them. */
const passMs = 3_600_000
const reviewedMax = 10_000

/** The pass: reviews whatever bounced or was complained about lately, and settles what is paused. */
export async function reviewAll(platform: Platform): Promise<void> {
  const since = new Date(platform.clock.now().getTime() - passMs)
  const { rows } = await sql<{ mailbox_id: string }>`
    select mailbox_id from outbound_recipients where state = 'bounced' and finished_at > ${since}
    union
    select r.mailbox_id from outbound_steps s join outbound_recipients r on r.id = s.outbound_recipient_id
    where s.step = 'complained' and s.at > ${since}
    limit ${reviewedMax}`.execute(platform.db)
  const ids = rows.map(({ mailbox_id: id }) => id)
  if (ids.length > 0) await transaction(platform.db, (tx) => reviewAfterOutcomes(tx, ids))
  await settlePaused(platform)
}
