/**
 * Which master keys a database's secrets are sealed under. A node that starts without the latest of them could
 * neither check nor show a password, so that it does not start.
 */
import { sql } from 'kysely'
import { transaction } from './database.ts'
import type { Platform } from './platform.ts'

// Any number that is the same in every node: two that start at once must not both bring the first key.
const keysLock = 7_302_027

/** @throws with one clear sentence when this node lacks the key that the database is sealed under. */
export async function requireVaultKey({ db, vault, clock }: Platform): Promise<void> {
  await transaction(db, async (tx) => {
    await sql`select pg_advisory_xact_lock(${keysLock}::bigint)`.execute(tx)
    const latest = await tx
      .selectFrom('vault_keys')
      .select('id')
      .orderBy('first_used_at', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (latest && !vault.keyIds.has(latest.id)) {
      throw new Error(
        `the secrets of this database are sealed under the master key ${latest.id}, which this node does not have; ` +
          'set MAILWRIGHT_MASTER_KEY to it, or copy the file master.key from the node that made it',
      )
    }
    await tx
      .insertInto('vault_keys')
      .values({ id: vault.keyId, first_used_at: clock.now() })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  })
}
