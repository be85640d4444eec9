/** Key rotation: passwords that are sealed under an older master key are sealed again under the present one. */
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { openPassword, storePassword } from './passwords.ts'

const rowsPerTransaction = 500

/** @returns how many passwords were sealed again. May be stopped and run again at any time. */
export async function resealPasswords(platform: Platform): Promise<number> {
  let resealed = 0
  for (;;) {
    const count = await transaction(platform.db, async (tx) => {
      const rows = await tx
        .selectFrom('mailbox_passwords')
        .select(['mailbox_id', 'name', 'sealed_password'])
        .where('key_id', '<>', platform.vault.keyId)
        .limit(rowsPerTransaction)
        .forUpdate()
        .skipLocked()
        .execute()
      for (const row of rows) {
        const password = openPassword(platform.vault, row.mailbox_id, row.sealed_password)
        await tx
          .updateTable('mailbox_passwords')
          .set(storePassword(platform.vault, row.mailbox_id, password))
          .where('mailbox_id', '=', row.mailbox_id)
          .where('name', '=', row.name)
          .execute()
      }
      return rows.length
    })
    if (count === 0) return resealed
    resealed += count
  }
}
