/**
 * What an agent may not do before its human has claimed it: whoever signs up by themselves has shown nothing yet. It can
 * receive, and write to its human.
 */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import './tables.ts'

/** Recipients in any 24 hours, before it is claimed. */
export const unclaimedSendsPerDay = 5
const dayMs = 24 * 3600_000

/** Mailboxes that are no unclaimed agent's, which they never become again; forgotten when there are too many. */
const others = new WeakMap<Platform, Set<string>>()
const othersMax = 100_000

/** Whether the mailbox is that of an agent that nobody has claimed yet. */
export async function isUnclaimed(
  platform: Platform,
  mailboxId: string | null,
  db: Db = platform.db,
): Promise<boolean> {
  return mailboxId !== null && (await humanOf(platform, mailboxId, db)) !== null
}

/** @throws Refusal agent_unclaimed for the key of an agent that nobody has claimed yet. */
export async function requireClaimed(
  platform: Platform,
  { mailboxId }: Pick<Scope, 'mailboxId'>,
  db: Db = platform.db,
): Promise<void> {
  if (await isUnclaimed(platform, mailboxId, db)) throw new Refusal('agent_unclaimed')
}

/** The address that an unclaimed agent may write to; null for every other mailbox, which is not asked for twice. */
export async function humanOf(
  platform: Platform,
  mailboxId: string,
  db: Db = platform.db,
): Promise<string | null> {
  const known = others.get(platform) ?? new Set()
  others.set(platform, known)
  if (known.has(mailboxId)) return null
  const row = await db
    .selectFrom('agent_signups')
    .select('human_email')
    .where('mailbox_id', '=', mailboxId)
    .where('claimed_at', 'is', null)
    .executeTakeFirst()
  if (row) return row.human_email
  // A mailbox that is just being signed up is known to its own transaction alone.
  if (db === platform.db) {
    if (known.size >= othersMax) known.clear()
    known.add(mailboxId)
  }
  return null
}

/**
 * Takes so many of the day's places of an unclaimed agent.
 * @returns when there are places again; null when they were taken, or the agent is claimed.
 */
export async function takeUnclaimedSends(
  platform: Platform,
  db: Db,
  mailboxId: string,
  count: number,
): Promise<Date | null> {
  if ((await humanOf(platform, mailboxId, db)) === null) return null
  const now = platform.clock.now()
  const since = new Date(now.getTime() - dayMs)
  const { rows } = await sql<{ sends: Date[]; taken: boolean }>`
    with recent as (
      select identity_id, array(select at from unnest(sends) as at where at > ${since} order by at) as sends
      from agent_signups where mailbox_id = ${mailboxId}::uuid and claimed_at is null for update
    ), taken as (
      update agent_signups set sends = recent.sends || array_fill(${now}::timestamptz, array[${count}::int])
      from recent where agent_signups.identity_id = recent.identity_id
        and cardinality(recent.sends) + ${count}::int <= ${unclaimedSendsPerDay}
      returning 1
    )
    select sends, exists (select from taken) as taken from recent`.execute(db)
  const [row] = rows
  if (!row || row.taken) return null
  // The oldest that must be a day old before there is room for all of them; they never fit when they are too many.
  const freed = row.sends[Math.min(row.sends.length, row.sends.length + count - unclaimedSendsPerDay) - 1]
  return new Date((freed ?? now).getTime() + dayMs)
}
