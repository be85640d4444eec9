/**
 * Subscriptions that have no folder. A subscription belongs to a name and outlives its folder (RFC 9051 §6.3.6 and
 * §6.3.7): while the name has a folder, it is a flag of that folder's row, and else a row here. No name is both,
 * because all changes run under lockFolderSet.
 */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'

/** Names without a folder that a mailbox may be subscribed to. */
export const lostSubscriptionsMax = 5000

/** The names that are subscribed and have no folder, in the order of listFolders. */
export async function listLostSubscriptions(platform: Platform, mailboxId: string): Promise<string[]> {
  const rows = await platform.db
    .selectFrom('lost_subscriptions')
    .select('path')
    .where('mailbox_id', '=', mailboxId)
    .orderBy(sql`path collate "C"`)
    .execute()
  return rows.map((row) => row.path)
}

/** For names that lose their folder, or that have none yet. @returns how many are new. */
export async function addLostSubscriptions(
  tx: Tx,
  mailboxId: string,
  paths: readonly string[],
): Promise<number> {
  if (paths.length === 0) return 0
  const { numAffectedRows } = await sql`
    insert into lost_subscriptions (mailbox_id, path)
    select ${mailboxId}::uuid, path from unnest(${paths}::text[]) as lost (path)
    on conflict do nothing`.execute(tx)
  return Number(numAffectedRows ?? 0)
}

/** For names that get a folder, or that are given up. @returns those that were subscribed. */
export async function takeLostSubscriptions(
  tx: Tx,
  mailboxId: string,
  paths: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ path: string }>`
    delete from lost_subscriptions
    where mailbox_id = ${mailboxId}::uuid and path = any(${paths}::text[]) returning path`.execute(tx)
  return new Set(rows.map((row) => row.path))
}

/**
 * What a client asks for is bounded; a folder that is deleted leaves its subscription in any case.
 * @throws Refusal folder_limit_reached.
 */
export async function requireLostSubscriptions(tx: Tx, mailboxId: string): Promise<void> {
  const { count } = await tx
    .selectFrom('lost_subscriptions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  if (count > lostSubscriptionsMax) {
    throw new Refusal('folder_limit_reached', 'Too many names without a folder are subscribed.')
  }
}
