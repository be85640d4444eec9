/** Whom a mailbox has written to before. */
import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'

/** An address counts as new again when it was not written to for so long. */
export const sentRecipientDays = 365
/** How old the time of the last message may be before it is written again. */
export const sentRecipientRefreshDays = 30

/** As the table keeps it: the first eight bytes of the SHA-256, as a signed number in decimal. */
export function addressHash(address: string): string {
  return hash('sha256', address, 'buffer').readBigInt64BE(0).toString()
}

/** @param address canonical. */
export async function isNewRecipient(db: Db, mailboxId: string, address: string): Promise<boolean> {
  const { rows } = await sql`/* prepared sent_recipient */
    select 1 from sent_recipients
    where mailbox_id = ${mailboxId}::uuid and address_hash = ${addressHash(address)}::bigint`.execute(db)
  return rows.length === 0
}

const deletedPerStatement = 5_000

/** Forgets who was not written to for a year. @returns how many of this batch. */
export async function forgetSentRecipients(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - sentRecipientDays * 86_400_000)
  const { numAffectedRows } = await sql`
    delete from sent_recipients where (mailbox_id, address_hash) in (
      select mailbox_id, address_hash from sent_recipients where last_sent_at < ${before} limit ${deletedPerStatement})`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0)
}
