/**
 * Locks of maildrops (RFC 1939 §3: one session at a time), over all nodes. A lock is a row with an end, which the node
 * that holds it moves on for all of its locks in one statement; it costs no connection. When a node dies, its locks end
 * by themselves within the lease. The database's own clock decides, so that nodes need not agree on the time.
 */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

export type MaildropLock = {
  readonly mailboxId: string
  /** Who holds it: a new id for each lock. */
  readonly holderId: string
  /** Gives it back. Never rejects: what cannot be given back ends by itself. */
  release(): Promise<void>
}

export type MaildropLocks = {
  /** @returns null while another session has the maildrop. */
  acquire(mailboxId: string): Promise<MaildropLock | null>
  /** Gives back what is still held. */
  stop(): Promise<void>
}

/** How long a lock outlives its node, in ms. */
export const maildropLeaseMs = 30_000

export type MaildropLocksOptions = { leaseMs?: number }

/** Starts the renewal of this node's locks. */
export function startMaildropLocks(platform: Platform, options: MaildropLocksOptions = {}): MaildropLocks {
  const leaseMs = options.leaseMs ?? maildropLeaseMs
  const held = new Map<string, string>() // holder -> mailbox
  let renewing = Promise.resolve()
  const timer = setInterval(() => {
    renewing = renewing.then(() => renew(platform, held, leaseMs))
  }, leaseMs / 3)
  timer.unref()

  return {
    async acquire(mailboxId) {
      const holderId = newId()
      if (!(await take(platform, mailboxId, holderId, leaseMs))) return null
      held.set(holderId, mailboxId)
      const release = async (): Promise<void> => {
        if (!held.delete(holderId)) return
        await giveBack(platform, [[holderId, mailboxId]])
      }
      return { mailboxId, holderId, release }
    },
    async stop() {
      clearInterval(timer)
      await renewing
      const left = [...held]
      held.clear()
      if (left.length > 0) await giveBack(platform, left)
    },
  }
}

/** Whether the lock is held still. It stays so until the transaction ends. */
export async function confirmMaildropLock(
  tx: Tx,
  { mailboxId, holderId }: Pick<MaildropLock, 'mailboxId' | 'holderId'>,
): Promise<boolean> {
  const row = await tx
    .selectFrom('maildrop_locks')
    .select('holder_id')
    .where('mailbox_id', '=', mailboxId)
    .where('holder_id', '=', holderId)
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Removes the rows of locks that nobody holds any more: those of nodes that died. */
export async function deleteEndedMaildropLocks(platform: Platform): Promise<void> {
  await sql`delete from maildrop_locks where expires_at < clock_timestamp()`.execute(platform.db)
}

async function take(
  platform: Platform,
  mailboxId: string,
  holderId: string,
  leaseMs: number,
): Promise<boolean> {
  const { rows } = await sql`/* prepared take_maildrop_lock */
    insert into maildrop_locks (mailbox_id, holder_id, expires_at)
    values (${mailboxId}::uuid, ${holderId}::uuid, clock_timestamp() + ${leaseMs}::int * interval '1 ms')
    on conflict (mailbox_id) do update set holder_id = excluded.holder_id, expires_at = excluded.expires_at
      where maildrop_locks.expires_at < clock_timestamp()
    returning mailbox_id`.execute(platform.db)
  return rows.length === 1
}

/** Never rejects: the next renewal is near, and whoever lost a lock learns of it when it counts. */
async function renew(platform: Platform, held: ReadonlyMap<string, string>, leaseMs: number): Promise<void> {
  if (held.size === 0) return
  try {
    await sql`
      update maildrop_locks set expires_at = clock_timestamp() + ${leaseMs}::int * interval '1 ms'
      where mailbox_id = any(${uuidArray([...held.values()])}) and holder_id = any(${uuidArray([...held.keys()])})`.execute(
      platform.db,
    )
  } catch (cause) {
    platform.log.warn({ event: 'maildrop.renewal_failed', cause })
  }
}

async function giveBack(platform: Platform, locks: readonly (readonly [string, string])[]): Promise<void> {
  try {
    await sql`
      delete from maildrop_locks where mailbox_id = any(${uuidArray(locks.map(([, mailboxId]) => mailboxId))})
        and holder_id = any(${uuidArray(locks.map(([holderId]) => holderId))})`.execute(platform.db)
  } catch (cause) {
    platform.log.warn({ event: 'maildrop.release_failed', cause })
  }
}
