/** What jobs do for webhooks: deliveries whose time is over, those of webhooks that stopped, and those that are old. */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { nativeFormat } from './formats.ts'
import { notSent } from './materialise.ts'

const rowsPerStatement = 2_000
const dayMs = 86_400_000

/** Does statements until one finds less than it may. */
async function untilDone(statement: () => Promise<number>): Promise<void> {
  while ((await statement()) >= rowsPerStatement);
}

/** Lets fail what is in the queue of a webhook that is not enabled. */
export async function settleQueue({ db, clock }: Platform, webhookId: string): Promise<void> {
  await untilDone(async () => {
    const { numAffectedRows } = await sql`
      update webhook_deliveries set state = 'failed', claim = null, finished_at = ${clock.now()}::timestamptz,
        last_error = coalesce(last_error, ${notSent}::text)
      where id in (
        select d.id from webhook_deliveries d where d.webhook_id = ${webhookId}::uuid and d.state = 'queued'
          and exists (select from webhooks w where w.id = d.webhook_id and w.state <> 'enabled')
        limit ${rowsPerStatement}::int for update skip locked
      )`.execute(db)
    return Number(numAffectedRows ?? 0)
  })
}

/** Removes the deliveries of a webhook that was deleted. */
export async function forgetDeliveries({ db }: Platform, webhookId: string): Promise<void> {
  await untilDone(async () => {
    const { numAffectedRows } = await sql`
      delete from webhook_deliveries where id in (
        select id from webhook_deliveries where webhook_id = ${webhookId}::uuid limit ${rowsPerStatement}::int
      ) and not exists (select from webhooks w where w.id = ${webhookId}::uuid)`.execute(db)
    return Number(numAffectedRows ?? 0)
  })
}

/**
 * Lets fail what waited for an endpoint until its time was over, and removes what was kept for long enough, of
 * workspaces that are deleted too.
 */
export async function cleanUpWebhooks({ db, clock, config }: Platform): Promise<void> {
  const now = clock.now()
  const before = new Date(now.getTime() - config.webhookLogDays * dayMs)
  // What is replayed on its last day is in the queue for its lifetime longer.
  const longBefore = new Date(before.getTime() - config.webhookLifetime * 1000 - dayMs)
  // An hour later than the last attempt should have been: what has been in a hand until then is written down.
  const overdue = new Date(now.getTime() - 3_600_000)
  await untilDone(async () => {
    const { numAffectedRows } = await sql`
      update webhook_deliveries set state = 'failed', claim = null, finished_at = ${now}::timestamptz,
        last_error = coalesce(last_error, 'Its time was over before the endpoint could be tried.')
      where id in (
        select id from webhook_deliveries where state = 'queued' and expires_at < ${overdue}::timestamptz
        limit ${rowsPerStatement}::int for update skip locked
      )`.execute(db)
    return Number(numAffectedRows ?? 0)
  })
  await untilDone(async () => {
    const { numAffectedRows } = await sql`
      delete from webhook_deliveries where id in (
        select id from webhook_deliveries where created_at < ${before}::timestamptz
          and (state <> 'queued' or created_at < ${longBefore}::timestamptz)
        limit ${rowsPerStatement}::int
      )`.execute(db)
    return Number(numAffectedRows ?? 0)
  })
  await untilDone(async () => {
    const { numAffectedRows } = await sql`
      delete from webhook_events where id in (
        select id from webhook_events where created_at < ${longBefore}::timestamptz limit ${rowsPerStatement}::int
      )`.execute(db)
    return Number(numAffectedRows ?? 0)
  })
  // Of those in other formats the log knows for as long as it is kept.
  await sql`delete from webhooks w where deleted_at < ${longBefore}::timestamptz
    and not exists (select from webhook_deliveries d where d.webhook_id = w.id)`.execute(db)
  await sql`delete from webhooks w where format <> ${nativeFormat} and scope = 'identities'
    and not exists (select from identities i where i.id = any(w.identity_ids))`.execute(db)
  await sql`delete from webhook_signing_keys where workspace_id in (
    select id from workspaces where deleted_at < ${new Date(now.getTime() - dayMs)}::timestamptz)`.execute(db)
  await sql`delete from webhooks where workspace_id in (
    select id from workspaces where deleted_at < ${new Date(now.getTime() - dayMs)}::timestamptz)`.execute(db)
}
