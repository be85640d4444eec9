/** Forwarding: the addresses that a mailbox sends on to what it gets, and whether it keeps a copy. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import { requireClaimed } from './signups/unclaimed.ts'
import { requireTargets } from './targets.ts'

export type Forwarding = { targets: readonly string[]; keepCopy: boolean }

export const mailboxTargetsMax = 10

/** @throws Refusal mailbox_not_found. */
export async function getForwarding(platform: Platform, scope: Scope, ref: string): Promise<Forwarding> {
  const { id } = await getMailbox(platform, scope, ref)
  return await forwardingOf(platform.db, id)
}

/** Of a mailbox that is known. */
export async function forwardingOf(db: Db, mailboxId: string): Promise<Forwarding> {
  const rows = await db
    .selectFrom('mailbox_forwards')
    .select(['target', 'keep_copy'])
    .where('mailbox_id', '=', mailboxId)
    .orderBy('target')
    .execute()
  return { targets: rows.map(({ target }) => target), keepCopy: rows.every((row) => row.keep_copy) }
}

/** @throws Refusal mailbox_not_found, forward_target_invalid, agent_unclaimed, forbidden. */
export async function putForwarding(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: Forwarding,
): Promise<Forwarding> {
  const mailbox = await lockMailbox(tx, scope, ref)
  await requireClaimed(platform, { mailboxId: mailbox.id }, tx)
  const domain = mailbox.address.slice(mailbox.address.lastIndexOf('@') + 1)
  const from = { address: mailbox.address, domain, workspaceId: mailbox.workspace_id }
  const targets = await requireTargets(platform, tx, from, wanted.targets)
  const before = await forwardingOf(tx, mailbox.id)
  await tx.deleteFrom('mailbox_forwards').where('mailbox_id', '=', mailbox.id).execute()
  if (targets.length > 0) {
    const common = { mailbox_id: mailbox.id, keep_copy: wanted.keepCopy, created_at: platform.clock.now() }
    await tx
      .insertInto('mailbox_forwards')
      .values(targets.map((target) => ({ ...common, target })))
      .execute()
  }
  const { keepCopy } = wanted
  const data = { mailbox_id: mailbox.id, targets, keep_copy: keepCopy }
  await appendEvents(platform, tx, [
    { type: 'mailbox.forwarding_changed', ...subject(mailbox), data, before },
  ])
  return { targets, keepCopy: targets.length === 0 || keepCopy }
}

/** The targets of several mailboxes that are known; one that forwards nothing is left out. */
export async function targetsOf(db: Db, mailboxIds: readonly string[]): Promise<Map<string, string[]>> {
  if (mailboxIds.length === 0) return new Map()
  const { rows } = await sql<{ mailbox_id: string; targets: string[] }>`
    select mailbox_id, array_agg(target order by target) as targets from mailbox_forwards
    where mailbox_id = any(${uuidArray(mailboxIds)}) group by mailbox_id`.execute(db)
  return new Map(rows.map(({ mailbox_id: id, targets }) => [id, targets]))
}

/** The workspace's mailboxes that forward, the newest first. @param max how many at the most. */
export async function forwardingMailboxes(
  db: Db,
  { workspaceId, mailboxId }: Scope,
  max: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from mailboxes where workspace_id = ${workspaceId}::uuid and state <> 'deleted'
      and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)
      and exists (select from mailbox_forwards where mailbox_forwards.mailbox_id = mailboxes.id)
    order by id desc limit ${max}`.execute(db)
  return rows.map(({ id }) => id)
}
