/** Key rotation: private keys that are sealed under an older master key are sealed again under the present one. */
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'

/** The tables that keep private keys (and what lets us into DNS hosts and services), each in `sealed_private_key` with the vault's key in `key_id`. */
const tables = [
  'dkim_keys',
  'acme_accounts',
  'certificates',
  'dns_hosts',
  'tsig_keys',
  'dnssec_keys',
  'service_connections',
  'webhook_secrets',
  'webhook_signing_keys',
  'sequencers',
] as const

/** What a private key is sealed for. */
export function privateKeyContext(table: (typeof tables)[number], id: string): string {
  return `${table}:${id}`
}

const rowsPerTransaction = 500

/** @returns how many keys were sealed again. May be stopped and run again at any time. */
export async function resealPrivateKeys(platform: Platform): Promise<number> {
  let resealed = 0
  for (const table of tables) {
    for (let count = -1; count !== 0; resealed += count) count = await resealSome(platform, table)
  }
  return resealed
}

async function resealSome({ db, vault }: Platform, table: (typeof tables)[number]): Promise<number> {
  return await transaction(db, async (tx) => {
    const { rows } = await sql<{ id: string; sealed: Buffer }>`
      select id, sealed_private_key as sealed from ${sql.table(table)}
      where key_id <> ${vault.keyId} limit ${rowsPerTransaction} for update skip locked`.execute(tx)
    for (const { id, sealed } of rows) {
      const context = privateKeyContext(table, id)
      const again = vault.seal(vault.open(sealed, context), context)
      await sql`update ${sql.table(table)} set key_id = ${vault.keyId}, sealed_private_key = ${again}
        where id = ${id}::uuid`.execute(tx)
    }
    return rows.length
  })
}
