/**
 * Quotas: how much a mailbox holds and whether more fits. The policy has the limits, and the rows of the folders have
 * the usage, so that nothing is counted.
 *
 * What a limit can be passed by: the commands that add messages look without a lock, so that of those that run at the
 * same moment each may be the last one that fits. Mail from outside is judged at RCPT; see delivery/room.ts.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { foldersPerMailboxMax } from './folders.ts'
import type { MailboxOwner } from './owner.ts'
import { type MailPolicy, policiesOf, policyOf } from './policies.ts'

/** Sums of RFC822.SIZE and counts, over all folders. */
export type Usage = { bytes: number; messages: number; folders: number }

/** What is to be added; less than nothing where it replaces more. */
export type Need = { bytes: number; messages: number }

/** Usage and limits; a limit of null is none. */
export type QuotaReport = {
  usage: Usage
  limits: { bytes: number | null; messages: number | null; folders: number }
}

/** @param db the transaction, inside one: its own changes count. */
export async function usageOf(db: Db, mailboxId: string): Promise<Usage> {
  const { rows } = await usageStatement([mailboxId]).execute(db)
  const { bytes, messages, folders } = rows[0] ?? { bytes: 0, messages: 0, folders: 0 }
  return { bytes, messages, folders }
}

/** A row for each of the mailboxes that has folders. */
export function usageStatement(mailboxIds: readonly string[]): RawBuilder<Usage & { mailbox_id: string }> {
  return sql<Usage & { mailbox_id: string }>`/* prepared mailbox_usage */
    select mailbox_id, sum(size_bytes)::bigint as bytes, sum(message_count)::bigint as messages, count(*) as folders
    from folders where mailbox_id = any(${uuidArray(mailboxIds)}) group by mailbox_id`
}

export async function quotaOf(platform: Platform, owner: MailboxOwner): Promise<QuotaReport> {
  const policy = await policyOf(platform, owner)
  const usage = await usageOf(platform.db, owner.mailboxId)
  const limits = { bytes: policy.quotaBytes, messages: policy.quotaMessages, folders: foldersPerMailboxMax }
  return { usage, limits }
}

/**
 * Bytes used and allowed of many mailboxes at once.
 * @returns by id; a limit of null is none.
 */
export async function storageOf(
  platform: Platform,
  db: Db,
  mailboxes: readonly { id: string; workspace_id: string }[],
): Promise<ReadonlyMap<string, { bytes: number; limitBytes: number | null }>> {
  if (mailboxes.length === 0) return new Map()
  const [{ rows }, policies] = await Promise.all([
    usageStatement(mailboxes.map(({ id }) => id)).execute(db),
    policiesOf(platform, db, mailboxes),
  ])
  const used = new Map(rows.map(({ mailbox_id, bytes }) => [mailbox_id, bytes]))
  return new Map(
    mailboxes.map(({ id }) => [
      id,
      { bytes: used.get(id) ?? 0, limitBytes: policies.get(id)?.quotaBytes ?? null },
    ]),
  )
}

/**
 * @param db the transaction that adds the messages, before it adds them.
 * @throws Refusal quota_exceeded.
 */
export async function requireRoom(
  platform: Platform,
  db: Db,
  owner: MailboxOwner,
  need: Need,
): Promise<void> {
  if (need.bytes <= 0 && need.messages <= 0) return
  const policy = await policyOf(platform, owner, db)
  if (!isLimited(policy)) return
  if (hasRoom(policy, await usageOf(db, owner.mailboxId), need)) return
  throw new Refusal('quota_exceeded', undefined, { facts: { limit_bytes: policy.quotaBytes } })
}

export function isLimited({ quotaBytes, quotaMessages }: MailPolicy): boolean {
  return quotaBytes !== null || quotaMessages !== null
}

export function hasRoom(
  { quotaBytes, quotaMessages }: MailPolicy,
  usage: Pick<Usage, 'bytes' | 'messages'>,
  need: Need,
): boolean {
  return (
    (quotaBytes === null || need.bytes <= 0 || usage.bytes + need.bytes <= quotaBytes) &&
    (quotaMessages === null || need.messages <= 0 || usage.messages + need.messages <= quotaMessages)
  )
}
