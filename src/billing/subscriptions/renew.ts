/** The job that renews subscriptions: every minute, on whatever node, some hundreds in a transaction. */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { type DueSet, workThrough } from '../../platform/work-through.ts'
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
  await workThrough(
    platform,
    'subscriptions.renewal_failed',
    subscriptionsPerTransaction,
    (set) => renewSome(platform, set),
    runMsMax,
  )
}

/** Those that were due first before the others. @returns how many; 0: none is left that nobody else holds. */
async function renewSome(platform: Platform, set: DueSet): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const due = await findDue(tx, platform.clock.now(), set)
    set.taken(due.map(({ id }) => id))
    await advance(platform, tx, due)
    return due.length
  })
}

// Who holds one of them now brings it up to date.
async function findDue(tx: Tx, now: Date, { limit, except }: DueSet): Promise<Subscription[]> {
  const { rows } = await sql<Subscription>`select * from subscriptions
    where coalesce(next_payment_at, period_ends_at) <= ${now}::timestamptz and state <> 'canceled'
      and not id = any(${uuidArray(except)})
    order by coalesce(next_payment_at, period_ends_at) limit ${limit}
    for update skip locked`.execute(tx)
  return rows
}
