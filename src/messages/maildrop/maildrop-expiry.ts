/** Messages that POP3 has retrieved go after a number of days, where a policy says so (RFC 2449 §6.7, RFC 1939 §8). */
import { sql } from 'kysely'
import { type Cache, createCache } from '../../platform/cache.ts'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { expungeMessages } from '../changes.ts'
import { findInboxId } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import { policyOf, storedNone } from '../policies.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'maildrop.expire': Record<string, never>
  }
}

const dayMs = 24 * 3600 * 1000
const mailboxesPerPage = 500
const messagesPerTransaction = 1000
const leastTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<{ days: number | null }>>()

/** The least number of days that is in force for anybody; null: everything is kept. It may be a minute old. */
export async function leastKeepDays(platform: Platform): Promise<number | null> {
  const cache = caches.get(platform) ?? createCache({ entriesMax: 1, ttlMs: leastTtlMs })
  caches.set(platform, cache)
  const found = await cache.load('least', async () => ({ days: await readLeastKeepDays(platform) }))
  return found?.days ?? null
}

async function readLeastKeepDays(platform: Platform): Promise<number | null> {
  const row = await platform.db
    .selectFrom('mail_policies')
    .select((eb) => eb.fn.min('pop3_keep_days').as('days'))
    .where('pop3_keep_days', '>', storedNone)
    .executeTakeFirst()
  const said = [row?.days ?? null, platform.config.pop3KeepDays].filter((days) => days !== null)
  return said.length === 0 ? null : Math.min(...said)
}

/** Removes what was retrieved long enough ago. @returns how many messages. */
export async function expireRetrieved(platform: Platform): Promise<number> {
  const least = await readLeastKeepDays(platform)
  const before = new Date(platform.clock.now().getTime() - (least ?? 0) * dayMs)
  let removed = 0
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const owners = await ownersOfRetrieved(platform, before, after)
    for (const owner of owners) removed += await expireMailbox(platform, owner)
    const last = owners.at(-1)
    if (last === undefined || owners.length < mailboxesPerPage) return removed
    after = last.mailboxId
  }
}

async function ownersOfRetrieved(platform: Platform, before: Date, after: string): Promise<MailboxOwner[]> {
  const { rows } = await sql<MailboxOwner>`
    select id as "mailboxId", organization_id as "organizationId", workspace_id as "workspaceId" from mailboxes
    where id in (select mailbox_id from maildrop_retrievals where retrieved_at <= ${before})
      and id > ${after}::uuid
    order by id limit ${mailboxesPerPage}`.execute(platform.db)
  return rows
}

async function expireMailbox(platform: Platform, owner: MailboxOwner): Promise<number> {
  const { keepDays } = (await policyOf(platform, owner)).pop3
  const folderId = await findInboxId(platform, owner.mailboxId)
  const before = new Date(platform.clock.now().getTime() - (keepDays ?? 0) * dayMs)
  for (let removed = 0; ; ) {
    const taken = await transaction(platform.db, async (tx) => {
      const { rows } = await sql<{ uid: number }>`
        delete from maildrop_retrievals where mailbox_id = ${owner.mailboxId}::uuid and uid in (
          select uid from maildrop_retrievals
          where mailbox_id = ${owner.mailboxId}::uuid and retrieved_at <= ${before}
          limit ${messagesPerTransaction}
        ) returning uid`.execute(tx)
      // Without a number of days, which a policy may have had before, the messages stay.
      if (rows.length === 0 || keepDays === null || folderId === null) return { rows, removed: 0 }
      const uids = rows.map((row) => row.uid)
      const expunged = await expungeMessages(platform, tx, owner, folderId, uids)
      return { rows, removed: expunged.uids.length }
    })
    removed += taken.removed
    if (taken.rows.length < messagesPerTransaction) return removed
  }
}
