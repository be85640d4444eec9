/** Key rotation: what is sealed under an older master key is sealed again under the present one. */
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { openPassword, storePassword } from './passwords.ts'
import { openTotpSecret, totpContext } from './second-factor.ts'

const rowsPerTransaction = 500

/** @returns how many passwords were sealed again. May be stopped and run again at any time. */
export async function resealPasswords(platform: Platform): Promise<number> {
  return await resealAll(platform, async (tx) => {
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
}

/** @returns how many TOTP secrets were sealed again. May be stopped and run again at any time. */
export async function resealTotpSecrets(platform: Platform): Promise<number> {
  return await resealAll(platform, async (tx) => {
    const rows = await tx
      .selectFrom('mailbox_totp')
      .selectAll()
      .where('key_id', '<>', platform.vault.keyId)
      .limit(rowsPerTransaction)
      .forUpdate()
      .skipLocked()
      .execute()
    for (const row of rows) {
      const sealed = platform.vault.seal(openTotpSecret(platform, row), totpContext(row.mailbox_id))
      await tx
        .updateTable('mailbox_totp')
        .set({ sealed_private_key: sealed, key_id: platform.vault.keyId })
        .where('mailbox_id', '=', row.mailbox_id)
        .execute()
    }
    return rows.length
  })
}

/** @param some seals a few rows again. @returns how many; 0: there are no more. */
async function resealAll(platform: Platform, some: (tx: Tx) => Promise<number>): Promise<number> {
  let resealed = 0
  for (let count = -1; count !== 0; ) {
    count = await transaction(platform.db, some)
    resealed += count
  }
  return resealed
}
