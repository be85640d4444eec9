/** Secondaries: name servers of others that hold copies of our zones (RFC 5936) and are told of changes (RFC 1996). */

import { isIP } from 'node:net'
import { type Selectable, sql } from 'kysely'
import { unmapped } from '../../platform/address-bytes.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import { type Tx, violatedConstraint } from '../../platform/database.ts'
import type { TsigKey } from '../../platform/dns-wire/tsig.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DnsSecondariesTable } from './tables.ts'
import { secretOf } from './tsig-keys.ts'

export type SecondaryRow = Selectable<DnsSecondariesTable>

export const secondariesMax = 50

export async function listSecondaries({ db }: Platform, page: PageRequest): Promise<Page<SecondaryRow>> {
  const rows = await db
    .selectFrom('dns_secondaries')
    .selectAll()
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type NewSecondary = {
  name: string
  /** An IP address. */
  address: string
  port: number
  /** The id of a key; null only with `byAddress`. */
  tsigKeyId: string | null
  /** Whether its address alone is enough. */
  byAddress: boolean
  notify: boolean
}

/** @throws Refusal invalid_request, tsig_key_not_found, dns_secondary_taken, dns_secondary_limit_reached. */
export async function createSecondary(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  wanted: NewSecondary,
): Promise<SecondaryRow> {
  // One with a zone (RFC 4007 §11) means something to one machine only, and is none for the database.
  if (isIP(wanted.address) === 0 || wanted.address.includes('%'))
    throw new Refusal('invalid_request', `"${wanted.address}" is no IP address.`)
  if ((wanted.tsigKeyId === null) !== wanted.byAddress) {
    throw new Refusal('invalid_request', 'A secondary has a TSIG key, or allow_by_address without one.')
  }
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from dns_secondaries`.execute(
    tx,
  )
  if ((rows[0]?.count ?? 0) >= secondariesMax) throw new Refusal('dns_secondary_limit_reached')
  if (wanted.tsigKeyId !== null) await requireKey(tx, wanted.tsigKeyId)
  const row = await tx
    .insertInto('dns_secondaries')
    .values({
      id: newId(),
      organization_id: organizationId,
      name: wanted.name,
      address: wanted.address,
      port: wanted.port,
      tsig_key_id: wanted.tsigKeyId,
      notify: wanted.notify,
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'dns_secondaries_address_port_key') throw error
      throw new Refusal('dns_secondary_taken', undefined, { cause: error })
    })
  await tell(platform, tx, 'dns_secondary.created', row)
  return row
}

async function requireKey(tx: Tx, id: string): Promise<void> {
  const found = isId(id)
    ? await tx.selectFrom('tsig_keys').select('id').where('id', '=', id).forShare().executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('tsig_key_not_found')
}

/** @throws Refusal dns_secondary_not_found. */
export async function deleteSecondary(platform: Platform, tx: Tx, id: string): Promise<void> {
  const row = isId(id)
    ? await tx.deleteFrom('dns_secondaries').where('id', '=', id).returningAll().executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('dns_secondary_not_found')
  await tell(platform, tx, 'dns_secondary.deleted', row)
}

async function tell(
  platform: Platform,
  tx: Tx,
  type: 'dns_secondary.created' | 'dns_secondary.deleted',
  row: SecondaryRow,
): Promise<void> {
  const data = { dns_secondary_id: row.id, name: row.name }
  await appendEvents(platform, tx, [{ type, organizationId: row.organization_id, workspaceId: null, data }])
}

export type Secondary = { id: string; address: string; port: number; notify: boolean; key: TsigKey | null }

export type Secondaries = {
  all: readonly Secondary[]
  /** The keys that secondaries have, by name. */
  keys: ReadonlyMap<string, TsigKey>
}

/** All secondaries with their keys, as this node remembers them. */
export async function knownSecondaries(platform: Platform): Promise<Secondaries> {
  return (
    (await cacheOf(platform).load('all', () => readSecondaries(platform))) ?? { all: [], keys: new Map() }
  )
}

/** Whether whoever signed with this key, or asks without one from this address, may have our zones. */
export function mayTransfer(known: Secondaries, key: TsigKey | null, address: string): boolean {
  const plain = unmapped(address)
  return known.all.some((secondary) =>
    key === null
      ? secondary.key === null && unmapped(secondary.address) === plain
      : secondary.key?.name === key.name,
  )
}

async function readSecondaries(platform: Platform): Promise<Secondaries> {
  const rows = await platform.db
    .selectFrom('dns_secondaries')
    .leftJoin('tsig_keys', 'tsig_keys.id', 'tsig_key_id')
    .select(['dns_secondaries.id', 'address', 'port', 'notify', 'tsig_keys.id as tsig_key_id'])
    .select(['tsig_keys.name as key_name', 'algorithm', 'sealed_private_key'])
    .orderBy('dns_secondaries.id')
    .execute()
  const all = rows.map((row): Secondary => {
    const { id, address, port, notify, tsig_key_id: keyId, key_name: name, algorithm } = row
    const { sealed_private_key: sealed } = row
    const key =
      keyId === null || name === null || algorithm === null || sealed === null
        ? null
        : { name, algorithm, secret: secretOf(platform, { id: keyId, sealed_private_key: sealed }) }
    return { id, address, port, notify, key }
  })
  return { all, keys: new Map(all.flatMap(({ key }) => (key === null ? [] : [[key.name, key]]))) }
}

const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Secondaries>>()

function cacheOf(platform: Platform): Cache<Secondaries> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Secondaries>({ entriesMax: 1, ttlMs: cacheTtlMs })
  platform.bus.subscribe(({ type }) => {
    if (type.startsWith('dns_secondary.') || type.startsWith('tsig_key.')) cache.clear()
  })
  caches.set(platform, cache)
  return cache
}
