/** The size of the queue as a metric: counted now and then, and never further than it is worth. */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'

const everyMs = 15_000
// Counting walks an index; past this the figure says "at least".
const countedMax = 100_000

export function startQueueGauge(platform: Platform): { stop(): void } {
  let running = false
  const measure = async (): Promise<void> => {
    const { rows } = await sql<{ queued: number; sending: number; held: number; oldest: Date | null }>`
      select (select count(*)::int from (select from outbound_recipients where state = 'queued' limit ${countedMax}) as q)
          as queued,
        (select count(*)::int from (select from outbound_recipients where state = 'sending' limit ${countedMax}) as s)
          as sending,
        (select count(*)::int from (select from outbound_recipients where state = 'held' limit ${countedMax}) as h)
          as held,
        (select min(next_attempt_at) from outbound_recipients where state = 'queued') as oldest`.execute(
      platform.db,
    )
    const [row] = rows
    if (!row) return
    const { outboundQueue, outboundOldestDue } = platform.metrics
    for (const state of ['queued', 'sending', 'held'] as const) outboundQueue.set({ state }, row[state])
    const lateMs = row.oldest === null ? 0 : platform.clock.now().getTime() - row.oldest.getTime()
    outboundOldestDue.set(Math.max(0, lateMs / 1000))
  }
  const timer = setInterval(() => {
    if (running) return
    running = true
    measure()
      .catch((error: unknown) => platform.log.warn({ event: 'outbound.gauge_failed', cause: error }))
      .finally(() => {
        running = false
      })
  }, everyMs)
  return { stop: () => clearInterval(timer) }
}
