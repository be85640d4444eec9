/**
 * Figures of what was sent: how many recipients elsewhere got it, how many bounced, and when the last of them was done with.
 * They are counted from the outbound queue, which keeps who is done with for a month: of recipients here, of forwards and of
 * what the platform says by itself nothing is counted. A mailbox's are found by an index of its own rows; those of a
 * workspace read all rows that its queue has (remembered-figures.ts).
 */
import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

/** How far back there is something to be counted. */
export const figureDaysMax = 30

const dayMs = 86_400_000

/** Bounced ones were sent too. */
export type Figures = {
  sent7d: number
  bounced7d: number
  sent30d: number
  bounced30d: number
  /** Null: none in 30 days. */
  lastAt: Date | null
}

export const noFigures: Figures = { sent7d: 0, bounced7d: 0, sent30d: 0, bounced30d: 0, lastAt: null }

/** Of a hundred recipients; null where there were none. */
export function bouncePercent(sent: number, bounced: number): number | null {
  return sent === 0 ? null : Math.round((bounced * 10_000) / sent) / 100
}

type FiguresRow = {
  sent_7d: number
  bounced_7d: number
  sent_30d: number
  bounced_30d: number
  last_at: Date | null
}

/** Of mailboxes that are known, in one statement; one that sent nothing is left out. */
export async function figuresOfMailboxes(
  db: Db,
  mailboxIds: readonly string[],
  now: Date,
): Promise<Map<string, Figures>> {
  if (mailboxIds.length === 0) return new Map()
  const done = finished(sql`r.mailbox_id = any(${uuidArray(mailboxIds)})`, daysBefore(now, figureDaysMax))
  const { rows } = await sql<FiguresRow & { mailbox_id: string }>`
    select mailbox_id, ${counts(now)} from (${done}) as done group by mailbox_id`.execute(db)
  return new Map(rows.map((row) => [row.mailbox_id, toFigures(row)]))
}

export type WorkspaceFigures = Figures & { senders7d: number; senders30d: number }

/** Of all of a workspace's mailboxes together, with how many of them sent something in 7 and in 30 days. */
export async function figuresOfWorkspace(db: Db, scope: Scope, now: Date): Promise<WorkspaceFigures> {
  const done = finished(inScope(scope), daysBefore(now, figureDaysMax))
  const { rows } = await sql<FiguresRow & { senders_7d: number; senders_30d: number }>`
    select ${counts(now)}, count(distinct mailbox_id) filter (where at > ${daysBefore(now, 7)})::int as senders_7d,
      count(distinct mailbox_id)::int as senders_30d from (${done}) as done`.execute(db)
  const [row] = rows
  if (!row) throw new Error('a sum has no row')
  return { ...toFigures(row), senders7d: row.senders_7d, senders30d: row.senders_30d }
}

export type DayFigures = {
  /** Of UTC, as in `2026-03-01`. */
  day: string
  sent: number
  bounced: number
}

/** Day by day, the present one last; days on which nothing was sent are there too. @param days at most figureDaysMax. */
export async function dailyFigures(db: Db, scope: Scope, now: Date, days: number): Promise<DayFigures[]> {
  const today = new Date(now.getTime() - (now.getTime() % dayMs))
  const first = daysBefore(today, days - 1)
  const done = finished(inScope(scope), first)
  const { rows } = await sql<DayFigures>`
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day, count(*)::int as sent,
      count(*) filter (where is_bounced)::int as bounced from (${done}) as done group by 1`.execute(db)
  const found = new Map(rows.map((row) => [row.day, row]))
  return Array.from({ length: days }, (_, at) => {
    const day = new Date(first.getTime() + at * dayMs).toISOString().slice(0, 10)
    return found.get(day) ?? { day, sent: 0, bounced: 0 }
  })
}

/** Of the mailboxes that a domain has now, with each reason of what bounced (bounces/classes.ts). */
export async function domainFigures(
  db: Db,
  domainId: string,
  now: Date,
  days: number,
): Promise<{ sent: number; bounced: number; classes: Record<string, number> }> {
  const mailboxes = sql`r.mailbox_id in (select id from mailboxes where domain_id = ${domainId}::uuid and state <> 'deleted')`
  const done = finished(mailboxes, daysBefore(now, days))
  const { rows } = await sql<{ is_bounced: boolean; class: string | null; count: number }>`
    select is_bounced, case when is_bounced then class end as class, count(*)::int as count
    from (${done}) as done group by 1, 2`.execute(db)
  const bounces = rows.filter((row) => row.is_bounced)
  const sum = (some: typeof rows): number => some.reduce((total, { count }) => total + count, 0)
  return {
    sent: sum(rows),
    bounced: sum(bounces),
    classes: Object.fromEntries(bounces.map((row) => [row.class ?? 'unknown', row.count])),
  }
}

/** percent: of a hundred recipients so many bounced. minimum: fewer recipients say nothing. max: how many mailboxes. */
export type BouncingRate = { percent: number; minimum: number; max: number }

export type BouncingMailbox = { mailboxId: string; figures: Figures }

/** Mailboxes of the workspace of whose recipients in 30 days so many bounced. The worst come first. */
export async function mailboxesThatBounce(
  db: Db,
  scope: Scope,
  now: Date,
  { percent, minimum, max }: BouncingRate,
): Promise<BouncingMailbox[]> {
  const done = finished(inScope(scope), daysBefore(now, figureDaysMax))
  const { rows } = await sql<FiguresRow & { mailbox_id: string }>`
    select mailbox_id, ${counts(now)} from (${done}) as done group by mailbox_id
    having count(*) >= ${minimum} and count(*) filter (where is_bounced) * 100 >= ${percent}::numeric * count(*)
      and count(*) filter (where is_bounced) > 0
    order by (count(*) filter (where is_bounced))::numeric / count(*) desc, mailbox_id limit ${max}`.execute(
    db,
  )
  return rows.map((row) => ({ mailboxId: row.mailbox_id, figures: toFigures(row) }))
}

function inScope({ workspaceId, mailboxId }: Scope): RawBuilder<unknown> {
  return mailboxId === null
    ? sql`r.workspace_id = ${workspaceId}::uuid`
    : sql`r.mailbox_id = ${mailboxId}::uuid`
}

/** Recipients of submissions whose way has ended since then, by delivery or by a bounce. */
function finished(whose: RawBuilder<unknown>, since: Date): RawBuilder<unknown> {
  return sql`select r.mailbox_id, r.finished_at as at, r.state = 'bounced' as is_bounced, r.last_class as class
    from outbound_recipients r
    where ${whose} and r.state in ('delivered', 'bounced') and r.finished_at > ${since}
      and exists (select from outbound_messages m where m.id = r.outbound_message_id and m.kind = 'submission')`
}

function counts(now: Date): RawBuilder<unknown> {
  const week = sql`at > ${daysBefore(now, 7)}`
  return sql`count(*) filter (where ${week})::int as sent_7d,
    count(*) filter (where ${week} and is_bounced)::int as bounced_7d,
    count(*)::int as sent_30d, count(*) filter (where is_bounced)::int as bounced_30d, max(at) as last_at`
}

function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * dayMs)
}

function toFigures(row: FiguresRow): Figures {
  return {
    sent7d: row.sent_7d,
    bounced7d: row.bounced_7d,
    sent30d: row.sent_30d,
    bounced30d: row.bounced_30d,
    lastAt: row.last_at,
  }
}
