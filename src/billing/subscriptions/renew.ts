/** The job that renews subscriptions: every minute, on whatever node, some hundreds in a transaction. */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { isBilling } from '../settings.ts'
import { advance } from './advance.ts'
import type { Subscription } from './rows.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'subscriptions.renew': Record<string, never>
  }
}

const subscriptionsPerTransaction = 500

/** A run ends before the next one begins, so that they do not take all of the worker's places. */
const runMsMax = 55_000

/** Brings all subscriptions up to date that are due; what a run leaves over is the next one's. */
export async function renewSubscriptions(platform: Platform): Promise<void> {
  if (!isBilling(platform)) return
  const startedMs = performance.now()
  while ((await renewSome(platform)) > 0 && performance.now() - startedMs < runMsMax);
}

/**
 * Brings some subscriptions up to date, those that were due first before the others.
 * @returns how many; 0 when there is none left that nobody else holds.
 */
export async function renewSome(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const due = await findDue(tx, platform.clock.now())
    await advance(platform, tx, due)
    return due.length
  })
}

// Who holds one of them now brings it up to date.
async function findDue(tx: Tx, now: Date): Promise<Subscription[]> {
  const { rows } = await sql<Subscription>`select * from subscriptions
    where coalesce(next_payment_at, period_ends_at) <= ${now}::timestamptz and state <> 'canceled'
    order by coalesce(next_payment_at, period_ends_at) limit ${subscriptionsPerTransaction}
    for update skip locked`.execute(tx)
  return rows
}
