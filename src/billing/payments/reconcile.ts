/** What no webhook and no caller has brought to its end: asked for again, on a schedule, until the provider says. */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { advanceTopUp, giveUp } from './advance.ts'
import { takeInDispute } from './disputes.ts'
import { addEventJobs, takeInEvents } from './inbox.ts'
import { PaymentFailure } from './provider.ts'
import { onlinePayments, paymentProvider } from './providers.ts'
import { advanceRefund } from './refunds.ts'
import { findTopUp } from './top-ups.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'payments.reconcile': Record<string, never>
    'payments.missed_events': Record<string, never>
    'payments.clean_up': Record<string, never>
  }
}

const batchMax = 100
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const checkMinutesMax = 6 * 60
const missedDays = 3
const keptDays = 45

type Due = { id: string; created_at: Date }

/** One look at everything whose time has come; what fails is looked at again at its next time. */
export async function reconcilePayments(platform: Platform): Promise<void> {
  if (paymentProvider(platform).name === 'manual') return
  for (const due of await claimDue(platform, 'top_ups'))
    await look(platform, due, () => lookAtTopUp(platform, due.id))
  for (const due of await claimDue(platform, 'top_up_refunds'))
    await look(platform, due, () => advanceRefund(platform, due.id))
  for (const due of await claimDue(platform, 'payment_disputes'))
    await look(platform, due, () => lookAtDispute(platform, due.id))
  await resumeEvents(platform)
}

/** Moves the next look of what is due, so that no other node looks at it at the same moment. */
async function claimDue(
  platform: Platform,
  table: 'top_ups' | 'top_up_refunds' | 'payment_disputes',
): Promise<Due[]> {
  const now = platform.clock.now()
  // The older it is, the less often it is looked at.
  const { rows } = await sql<Due>`
    update ${sql.table(table)} as due
    set next_check_at = ${now}::timestamptz + least(${checkMinutesMax} * interval '1 minute',
      greatest(interval '5 minutes', (${now}::timestamptz - created_at) / 4))
    where id in (select id from ${sql.table(table)} where next_check_at <= ${now}::timestamptz
      order by next_check_at limit ${batchMax} for update skip locked)
    returning id, created_at`.execute(platform.db)
  return rows
}

async function look(platform: Platform, { id }: Due, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof PaymentFailure)) throw error
    platform.log.warn({ event: 'payments.unreconciled', id, kind: error.kind, cause: error })
  }
}

async function lookAtTopUp(platform: Platform, id: string): Promise<void> {
  try {
    await advanceTopUp(platform, id)
  } catch (error) {
    if (!(error instanceof PaymentFailure && error.kind === 'gone')) throw error
    await giveUp(platform, id)
  }
}

async function lookAtDispute(platform: Platform, id: string): Promise<void> {
  const row = await platform.db
    .selectFrom('payment_disputes')
    .select(['top_up_id', 'dispute_id'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  await takeInDispute(platform, await findTopUp(platform.db, row.top_up_id), row.dispute_id)
}

/** Events that were taken and whose jobs have given up. */
async function resumeEvents(platform: Platform): Promise<void> {
  const before = new Date(platform.clock.now().getTime() - 60 * minuteMs)
  await transaction(platform.db, async (tx) => {
    const rows = await tx
      .selectFrom('stripe_events')
      .select('id')
      .where('state', '=', 'received')
      .where('received_at', '<', before)
      .orderBy('received_at')
      .limit(batchMax)
      .execute()
    await addEventJobs(
      tx,
      rows.map(({ id }) => id),
    )
  })
}

/** Events that the provider could not tell us. */
export async function takeInMissedEvents(platform: Platform): Promise<void> {
  if (paymentProvider(platform).name === 'manual') return
  const since = new Date(platform.clock.now().getTime() - missedDays * dayMs)
  const events = await onlinePayments(platform).missedEvents(since)
  await transaction(platform.db, (tx) => takeInEvents(platform, tx, events))
}

/** Forgets events that the provider does not tell any more. @returns how many. */
export async function deleteOldEvents({ db, clock }: Platform): Promise<number> {
  const before = new Date(clock.now().getTime() - keptDays * dayMs)
  const { numAffectedRows } = await sql`delete from stripe_events where id in (
    select id from stripe_events where received_at < ${before} and state <> 'received' limit 5000)`.execute(
    db,
  )
  return Number(numAffectedRows ?? 0)
}
