/** Recovery codes: each stands in once for the second factor, for whoever has lost the device that makes codes. */
import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { grouped, randomTyped } from './typed-secrets.ts'

const codesOfMailbox = 10
const charactersOfCode = 12 // 60 bits

/** Ten new codes, as people are shown them: `x3k9-7dqa-m2vt`. */
export function generateRecoveryCodes(): string[] {
  return Array.from({ length: codesOfMailbox }, () => grouped(randomTyped(charactersOfCode)))
}

/** A code as it was typed, in its one form: without case and dashes, and with the digits that letters were read for. */
export function normalizedRecoveryCode(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s-]+/g, '')
    .replace(/o/g, '0')
    .replace(/[il]/g, '1')
}

/**
 * What is stored of a code. Its key is the TOTP secret: that is sealed, and is sealed again when the master key
 * changes, which a digest under the master key itself could not be.
 */
function digestOf(secret: Buffer, mailboxId: string, code: string): Buffer {
  const text = `mailbox_recovery_codes:${mailboxId}\0${normalizedRecoveryCode(code)}`
  return createHmac('sha256', secret).update(text).digest()
}

/** Puts new codes in the place of all that there are. @returns the codes, which cannot be shown again. */
export async function replaceRecoveryCodes(tx: Tx, mailboxId: string, secret: Buffer): Promise<string[]> {
  const codes = generateRecoveryCodes()
  await deleteRecoveryCodes(tx, mailboxId)
  const rows = codes.map((code) => ({
    mailbox_id: mailboxId,
    digest: digestOf(secret, mailboxId, code),
    used_at: null,
  }))
  await tx.insertInto('mailbox_recovery_codes').values(rows).execute()
  return codes
}

export async function deleteRecoveryCodes(tx: Tx, mailboxId: string): Promise<void> {
  await tx.deleteFrom('mailbox_recovery_codes').where('mailbox_id', '=', mailboxId).execute()
}

/** Uses a code up. @returns whether it was one that was not used before. */
export async function useRecoveryCode(
  tx: Tx,
  mailboxId: string,
  secret: Buffer,
  code: string,
  now: Date,
): Promise<boolean> {
  const used = await tx
    .updateTable('mailbox_recovery_codes')
    .set({ used_at: now })
    .where('mailbox_id', '=', mailboxId)
    .where('digest', '=', digestOf(secret, mailboxId, code))
    .where('used_at', 'is', null)
    .returning('mailbox_id')
    .executeTakeFirst()
  return used !== undefined
}

/** How many codes are not used yet. */
export async function recoveryCodesLeft(db: Db, mailboxId: string): Promise<number> {
  const { left } = await db
    .selectFrom('mailbox_recovery_codes')
    .select(sql<number>`count(*)::integer`.as('left'))
    .where('mailbox_id', '=', mailboxId)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow()
  return left
}
