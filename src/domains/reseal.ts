/** Key rotation: private keys that are sealed under an older master key are sealed again under the present one. */
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { dkimKeyContext } from './dkim-keys.ts'

const rowsPerTransaction = 500

/** @returns how many keys were sealed again. May be stopped and run again at any time. */
export async function resealDkimKeys(platform: Platform): Promise<number> {
  const { vault } = platform
  let resealed = 0
  for (;;) {
    const count = await transaction(platform.db, async (tx) => {
      const rows = await tx
        .selectFrom('dkim_keys')
        .select(['id', 'sealed_private_key'])
        .where('key_id', '<>', vault.keyId)
        .limit(rowsPerTransaction)
        .forUpdate()
        .skipLocked()
        .execute()
      for (const { id, sealed_private_key: sealed } of rows) {
        const context = dkimKeyContext(id)
        await tx
          .updateTable('dkim_keys')
          .set({ key_id: vault.keyId, sealed_private_key: vault.seal(vault.open(sealed, context), context) })
          .where('id', '=', id)
          .execute()
      }
      return rows.length
    })
    if (count === 0) return resealed
    resealed += count
  }
}
