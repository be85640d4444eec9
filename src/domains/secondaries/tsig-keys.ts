/** TSIG keys: made here or given, sealed, and shown once. They are the platform's, not a workspace's. */
import { randomBytes } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { type Tx, violatedConstraint } from '../../platform/database.ts'
import type { TsigAlgorithm } from '../../platform/dns-wire/tsig.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { privateKeyContext } from '../reseal.ts'
import type { TsigKeysTable } from './tables.ts'

export type TsigKeyRow = Selectable<TsigKeysTable>

export const tsigKeysMax = 100
/** What a secret of one's own must have (RFC 8945 §8: at least what the hash puts out; half of it is the bound here). */
export const secretBytesMin = 16
export const secretBytesMax = 128

// RFC 8945 §8: as long as the digest.
const newSecretBytes: Record<TsigAlgorithm, number> = {
  'hmac-sha256': 32,
  'hmac-sha384': 48,
  'hmac-sha512': 64,
}

export async function listTsigKeys({ db }: Platform, page: PageRequest): Promise<Page<TsigKeyRow>> {
  const rows = await db
    .selectFrom('tsig_keys')
    .selectAll()
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type NewTsigKey = {
  name: string
  algorithm: TsigAlgorithm
  /** In base64; null: one is made. */
  secret: string | null
}

/**
 * @returns the row, and the secret in base64, which is not shown again.
 * @throws Refusal invalid_request, tsig_key_taken, dns_secondary_limit_reached.
 */
export async function createTsigKey(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  { name: text, algorithm, secret: given }: NewTsigKey,
): Promise<{ row: TsigKeyRow; secret: string }> {
  const name = parseKeyName(text)
  const secret = given === null ? randomBytes(newSecretBytes[algorithm]) : parseSecret(given)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from tsig_keys`.execute(tx)
  if ((rows[0]?.count ?? 0) >= tsigKeysMax) throw new Refusal('dns_secondary_limit_reached')
  const id = newId()
  const row = await tx
    .insertInto('tsig_keys')
    .values({
      id,
      organization_id: organizationId,
      name,
      algorithm,
      sealed_private_key: platform.vault.seal(secret, privateKeyContext('tsig_keys', id)),
      key_id: platform.vault.keyId,
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'tsig_keys_name_key') throw error
      throw new Refusal('tsig_key_taken', `There is a key "${name}".`, { cause: error })
    })
  await tell(platform, tx, 'tsig_key.created', row)
  return { row, secret: secret.toString('base64') }
}

/** @throws Refusal tsig_key_not_found, tsig_key_in_use. */
export async function deleteTsigKey(platform: Platform, tx: Tx, id: string): Promise<void> {
  const row = isId(id)
    ? await tx
        .deleteFrom('tsig_keys')
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
        .catch((error: unknown) => {
          if (violatedConstraint(error) !== 'dns_secondaries_tsig_key_id_fkey') throw error
          throw new Refusal('tsig_key_in_use', undefined, { cause: error })
        })
    : undefined
  if (!row) throw new Refusal('tsig_key_not_found')
  await tell(platform, tx, 'tsig_key.deleted', row)
}

/** The secret of a row. */
export function secretOf({ vault }: Platform, row: Pick<TsigKeyRow, 'id' | 'sealed_private_key'>): Buffer {
  return vault.open(row.sealed_private_key, privateKeyContext('tsig_keys', row.id))
}

const keyName = /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/
const keyNameLengthMax = 200

function parseKeyName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '')
  if (name.length > keyNameLengthMax || !keyName.test(name)) {
    throw new Refusal(
      'invalid_request',
      'The name of a TSIG key is a domain name: letters, digits, -, _ and dots.',
    )
  }
  return name
}

function parseSecret(text: string): Buffer {
  const secret = Buffer.from(text, 'base64')
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0
  if (!isBase64 || secret.length < secretBytesMin || secret.length > secretBytesMax) {
    throw new Refusal(
      'invalid_request',
      `A secret is base64 of ${secretBytesMin} to ${secretBytesMax} bytes.`,
    )
  }
  return secret
}

async function tell(
  platform: Platform,
  tx: Tx,
  type: 'tsig_key.created' | 'tsig_key.deleted',
  row: TsigKeyRow,
): Promise<void> {
  const data = { tsig_key_id: row.id, name: row.name }
  await appendEvents(platform, tx, [{ type, organizationId: row.organization_id, workspaceId: null, data }])
}
