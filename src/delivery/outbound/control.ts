/**
 * The queue in hand: what is in it and how each recipient fares, and what people do with it: try again now, hold,
 * release, take back. With a scope only what is its own is seen; without one (null) an operator sees everything.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, together } from '../../platform/database.ts'
import { eventsStatement, type NewEvent } from '../../platform/events.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { lockMessagesOf, releaseFinished } from './release.ts'
import { type NewStep, stepsStatement } from './steps.ts'
import type {
  OutboundKind,
  OutboundMessagesTable,
  OutboundRecipientsTable,
  OutboundState,
  OutboundStepsTable,
} from './tables.ts'

export type OutboundFilter = { state?: OutboundState; domain?: string; mailboxId?: string }

/** A recipient with what its message is. */
export type OutboundEntry = Selectable<OutboundRecipientsTable> & {
  mail_from: string
  message_id: string | null
  kind: OutboundKind
  size_bytes: number
}

export type OutboundDetail = {
  message: Selectable<OutboundMessagesTable>
  recipients: (Selectable<OutboundRecipientsTable> & {
    /** Oldest first. */
    timeline: Pick<Selectable<OutboundStepsTable>, 'id' | 'step' | 'at' | 'detail'>[]
  })[]
}

/** Recipients in the queue and of the last weeks, the oldest first. */
export async function listOutbound(
  platform: Platform,
  scope: Scope | null,
  filter: OutboundFilter,
  page: PageRequest,
): Promise<Page<OutboundEntry>> {
  const rows = await platform.db
    .selectFrom('outbound_recipients as r')
    .innerJoin('outbound_messages as m', 'm.id', 'r.outbound_message_id')
    .selectAll('r')
    .select(['m.mail_from', 'm.message_id', 'm.kind', 'm.size_bytes'])
    .where(within(scope))
    .where(matching(filter))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`r.id > ${page.after}::uuid`))
    .orderBy('r.id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * The ids of recipients that a filter names, for what is done with all of them.
 * @param max past it the rest is left for another call.
 */
export async function outboundIds(
  db: Db,
  scope: Scope | null,
  filter: OutboundFilter,
  max: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select r.id from outbound_recipients r where ${within(scope)} and ${matching(filter)}
    order by r.id limit ${max}`.execute(db)
  return rows.map(({ id }) => id)
}

/**
 * A message with its recipients and their timelines.
 * @param id the message's, or one of its recipients'.
 * @param db the transaction, inside one.
 * @returns null when there is none, or it is another's.
 */
export async function getOutbound(
  platform: Platform,
  scope: Scope | null,
  id: string,
  db: Db = platform.db,
): Promise<OutboundDetail | null> {
  if (!isId(id)) return null
  const recipients = await db
    .selectFrom('outbound_recipients as r')
    .selectAll('r')
    .where(within(scope))
    .where(
      sql<boolean>`r.outbound_message_id = coalesce(
        (select outbound_message_id from outbound_recipients where id = ${id}::uuid), ${id}::uuid)`,
    )
    .orderBy('r.id')
    .execute()
  const [first] = recipients
  if (!first) return null
  const message = await db
    .selectFrom('outbound_messages')
    .selectAll()
    .where('id', '=', first.outbound_message_id)
    .executeTakeFirstOrThrow()
  const steps = await db
    .selectFrom('outbound_steps')
    .selectAll()
    .where(sql<boolean>`outbound_recipient_id = any(${uuidArray(recipients.map((one) => one.id))})`)
    .orderBy('id')
    .execute()
  const byRecipient = Map.groupBy(steps, (step) => step.outbound_recipient_id)
  return {
    message,
    recipients: recipients.map((recipient) => ({
      ...recipient,
      timeline: (byRecipient.get(recipient.id) ?? []).map(({ id: stepId, step, at, detail }) => ({
        id: stepId,
        step,
        at,
        detail,
      })),
    })),
  }
}

type Act = (
  platform: Platform,
  tx: Tx,
  scope: Scope | null,
  recipientIds: readonly string[],
  by: string,
  reason?: string,
) => Promise<number>

/** Tries queued recipients again at once. @returns how many were queued. */
export const retryOutbound: Act = (platform, tx, scope, recipientIds, by, reason) =>
  act(platform, tx, scope, recipientIds, {
    by,
    reason: reason ?? null,
    step: 'retried',
    from: ['queued'],
    set: sql`next_attempt_at = ${platform.clock.now()}::timestamptz`,
  })

/** Keeps queued recipients from being sent until they are released. @returns how many were queued. */
export const holdOutbound: Act = (platform, tx, scope, recipientIds, by, reason) =>
  act(platform, tx, scope, recipientIds, {
    by,
    reason: reason ?? null,
    step: 'held',
    from: ['queued'],
    set: sql`state = 'held', held_reason = ${reason ?? 'held by hand'}::text`,
  })

/** Lets held recipients go on, at once; their lifetime in the queue begins again. @returns how many were held. */
export const releaseOutbound: Act = (platform, tx, scope, recipientIds, by, reason) => {
  const now = platform.clock.now()
  const expiresAt = new Date(now.getTime() + platform.config.queueLifetime * 1000)
  return act(platform, tx, scope, recipientIds, {
    by,
    reason: reason ?? null,
    step: 'released',
    from: ['held'],
    set: sql`state = 'queued', held_reason = null,
      next_attempt_at = greatest(next_attempt_at, ${now}::timestamptz),
      expires_at = greatest(expires_at, ${expiresAt}::timestamptz)`,
  })
}

/** Takes back what has not left: queued and held recipients. Nobody is notified. @returns how many. */
export const cancelOutbound: Act = async (platform, tx, scope, recipientIds, by, reason) => {
  const now = platform.clock.now()
  await lockMessagesOf(tx, recipientIds.filter(isId))
  return await act(platform, tx, scope, recipientIds, {
    by,
    reason: reason ?? null,
    step: 'cancelled',
    from: ['queued', 'held'],
    set: sql`state = 'cancelled', held_reason = null, last_class = 'cancelled', finished_at = ${now}::timestamptz`,
  })
}

type Change = {
  by: string
  reason: string | null
  step: 'retried' | 'held' | 'released' | 'cancelled'
  from: readonly OutboundState[]
  set: RawBuilder<unknown>
}

type Changed = Pick<
  Selectable<OutboundRecipientsTable>,
  'id' | 'outbound_message_id' | 'organization_id' | 'workspace_id' | 'mailbox_id' | 'rcpt_to' | 'held_reason'
>

async function act(
  platform: Platform,
  tx: Tx,
  scope: Scope | null,
  recipientIds: readonly string[],
  change: Change,
): Promise<number> {
  if (scope !== null) requireWrite(scope)
  const ids = recipientIds.filter(isId)
  if (ids.length === 0) return 0
  const { rows } = await sql<Changed>`
    update outbound_recipients r set ${change.set}
    where id in (
      select id from outbound_recipients r where id = any(${uuidArray(ids)}) and ${within(scope)}
        and state = any(${change.from}::text[]) order by id for update
    )
    returning id, outbound_message_id, organization_id, workspace_id, mailbox_id, rcpt_to, held_reason`.execute(
    tx,
  )
  if (rows.length === 0) return 0
  const at = platform.clock.now()
  const detail = { by: change.by, ...(change.reason === null ? {} : { reason: change.reason }) }
  const steps: NewStep[] = rows.map((row) => ({ recipientId: row.id, step: change.step, at, detail }))
  await together(tx, [
    stepsStatement(steps),
    eventsStatement(
      platform,
      tx,
      rows.map((row) => eventOf(row, change.step)),
    ),
  ])
  if (change.step === 'cancelled') {
    await releaseFinished(
      tx,
      rows.map((row) => row.outbound_message_id),
      at,
    )
  }
  return rows.length
}

function eventOf(row: Changed, step: Change['step']): NewEvent {
  const data = {
    outbound_message_id: row.outbound_message_id,
    outbound_recipient_id: row.id,
    rcpt_to: row.rcpt_to,
  }
  const owner = {
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    mailboxId: row.mailbox_id,
  }
  if (step === 'held')
    return { type: 'message.held', ...owner, data: { ...data, reason: row.held_reason ?? '' } }
  return { type: `message.${step}`, ...owner, data }
}

function within(scope: Scope | null): RawBuilder<boolean> {
  if (scope === null) return sql<boolean>`true`
  const mailbox = scope.mailboxId === null ? sql`` : sql` and r.mailbox_id = ${scope.mailboxId}::uuid`
  return sql<boolean>`(r.organization_id = ${scope.organizationId}::uuid
    and r.workspace_id = ${scope.workspaceId}::uuid${mailbox})`
}

function matching({ state, domain, mailboxId }: OutboundFilter): RawBuilder<boolean> {
  const parts = [sql`true`]
  if (state !== undefined) parts.push(sql`r.state = ${state}::text`)
  if (domain !== undefined) parts.push(sql`r.domain = ${domain.toLowerCase()}::text`)
  if (mailboxId !== undefined) parts.push(sql`r.mailbox_id = ${mailboxId}::uuid`)
  return sql<boolean>`(${sql.join(parts, sql` and `)})`
}
