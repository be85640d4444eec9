/**
 * What senders have used of their limits. The rows have it; a node remembers them for moments, together with the
 * recipients that it has admitted and that are not queued yet.
 */
import { sql } from 'kysely'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Limit } from './limits.ts'
import { createReservations, type Reservations } from './reservations.ts'
import { slidingCount, spanMs, type Windows, windowStart } from './windows.ts'

/** What one mailbox, domain or workspace has used, and whether it may send at all. */
export type Usage = {
  hour: Windows
  day: Windows
  /** Of the day, the recipients that a mailbox had not written to before. */
  newDay: Windows
  firstSentAt: Date | null
  paused: { since: Date; reason: string; by: string } | null
}

/** Who sends, with what it belongs to. */
export type Sender = { mailboxId: string; domainId: string; workspaceId: string }

/** As the statements of this folder select it. */
export type UsageRow = {
  scope_id: string
  hour_recipients: number
  hour_before: number
  day_recipients: number
  day_before: number
  day_new: number
  day_new_before: number
  first_sent_at: Date | null
  paused_at: Date | null
  pause_reason: string | null
  paused_by: string | null
}

export function toUsage(row: UsageRow, now: Date): Usage {
  const hour = windowStart('hour', now)
  const day = windowStart('day', now)
  return {
    hour: { span: 'hour', start: hour, current: row.hour_recipients, before: row.hour_before },
    day: { span: 'day', start: day, current: row.day_recipients, before: row.day_before },
    newDay: { span: 'day', start: day, current: row.day_new, before: row.day_new_before },
    firstSentAt: row.first_sent_at,
    paused:
      row.paused_at === null
        ? null
        : { since: row.paused_at, reason: row.pause_reason ?? '', by: row.paused_by ?? '' },
  }
}

/** The beginnings of the windows that count now. */
export function windowStarts(now: Date): Record<'hour' | 'hourBefore' | 'day' | 'dayBefore', Date> {
  const hour = windowStart('hour', now)
  const day = windowStart('day', now)
  return {
    hour,
    hourBefore: new Date(hour.getTime() - spanMs.hour),
    day,
    dayBefore: new Date(day.getTime() - spanMs.day),
  }
}

/** Straight from the rows. @returns by the ids that were asked for, each of them. */
export async function readUsage(db: Db, ids: readonly string[], now: Date): Promise<Map<string, Usage>> {
  const { hour, hourBefore, day, dayBefore } = windowStarts(now)
  const { rows } = await sql<UsageRow>`/* prepared sending_usage */
    select wanted.id as scope_id, coalesce(h.recipients, 0) as hour_recipients,
      coalesce(hb.recipients, 0) as hour_before, coalesce(d.recipients, 0) as day_recipients,
      coalesce(db.recipients, 0) as day_before, coalesce(d.new_recipients, 0) as day_new,
      coalesce(db.new_recipients, 0) as day_new_before, first_sent_at, paused_at, pause_reason, paused_by
    from unnest(${uuidArray(ids)}) as wanted (id)
      left join sending_counters h on h.scope_id = wanted.id and h.span = 'hour' and h.window_start = ${hour}
      left join sending_counters hb on hb.scope_id = wanted.id and hb.span = 'hour' and hb.window_start = ${hourBefore}
      left join sending_counters d on d.scope_id = wanted.id and d.span = 'day' and d.window_start = ${day}
      left join sending_counters db on db.scope_id = wanted.id and db.span = 'day' and db.window_start = ${dayBefore}
      left join sending_states s on s.scope_id = wanted.id`.execute(db)
  return new Map(rows.map((row) => [row.scope_id, toUsage(row, now)]))
}

/** What of a usage a limit counts. */
export function countedBy(limit: Pick<Limit, 'span' | 'counts'>, usage: Usage): Windows {
  if (limit.counts === 'new_recipients') return usage.newDay
  return limit.span === 'hour' ? usage.hour : usage.day
}

/** How many more fit now; not below zero. */
export function roomUnder(limit: Limit, usage: Usage, now: Date): number {
  return Math.max(0, Math.floor(limit.max - slidingCount(countedBy(limit, usage), now)))
}

/** What this node remembers. */
export type Memory = {
  /** Usages by scope. */
  usages: Cache<Usage>
  reservations: Reservations
  /** Domains by mailbox. */
  domains: Cache<string>
}

const cachedMax = 100_000
/** What other nodes queue is seen this late. */
const usageTtlMs = 2_000
/** A rename that was not heard of, or that came while the domain was read, is seen this late. */
const domainTtlMs = 60_000
const memories = new WeakMap<Platform, Memory>()

export function memoryOf(platform: Platform): Memory {
  const existing = memories.get(platform)
  if (existing) return existing
  const memory: Memory = {
    usages: createCache({ entriesMax: cachedMax, ttlMs: usageTtlMs }),
    reservations: createReservations(),
    domains: createCache({ entriesMax: cachedMax, ttlMs: domainTtlMs }),
  }
  platform.bus.subscribe(({ type, mailboxId }) => {
    if (type === 'mailbox.renamed' && mailboxId !== null) memory.domains.delete(mailboxId)
    if (type === 'sending.paused' || type === 'sending.resumed') memory.usages.clear()
  })
  memories.set(platform, memory)
  return memory
}

/**
 * Usages, from memory where they are there.
 * @returns in the order of the ids.
 */
export async function rememberedUsages(platform: Platform, ids: readonly string[]): Promise<Usage[]> {
  const { usages } = memoryOf(platform)
  const kept = ids.map((id) => usages.get(id))
  if (kept.every((usage) => usage !== undefined)) return kept
  const read = await readUsage(platform.db, ids, platform.clock.now())
  return ids.map((id) => {
    const usage = read.get(id)
    if (!usage) throw new Error(`no usage was read for ${id}`)
    usages.set(id, usage)
    return usage
  })
}

/** The domains of mailboxes. @param db the transaction, inside one. */
export async function domainsOf(
  platform: Platform,
  db: Db,
  mailboxIds: readonly string[],
): Promise<Map<string, string>> {
  const { domains } = memoryOf(platform)
  const found = new Map<string, string>()
  for (const id of mailboxIds) {
    const domainId = domains.get(id)
    if (domainId !== undefined) found.set(id, domainId)
  }
  const missing = mailboxIds.filter((id) => !found.has(id))
  if (missing.length === 0) return found
  const { rows } = await sql<{ id: string; domain_id: string }>`
    select id, domain_id from mailboxes where id = any(${uuidArray(missing)})`.execute(db)
  for (const { id, domain_id: domainId } of rows) {
    domains.set(id, domainId)
    found.set(id, domainId)
  }
  return found
}
