/**
 * DKIM keys: every connected domain has an RSA key, which all verifiers know (RFC 6376), and an Ed25519 key (RFC 8463).
 * A job makes them, never a request.
 */
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { type Selectable, sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import { addJobs } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { privateKeyContext } from './reseal.ts'
import type { DkimAlgorithm, DkimKeysTable } from './tables.ts'
import { touchZones } from './zones/serial.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'domains.make_dkim_keys': { domain_id: string }
    'domains.make_missing_dkim_keys': Record<string, never>
  }
}

export type DkimKey = Pick<Selectable<DkimKeysTable>, 'algorithm' | 'selector' | 'public_key' | 'state'>

/** What a signature is made with. */
export type DkimSigner = {
  /** In A-labels: `d=`. */
  domain: string
  selector: string
  algorithm: DkimAlgorithm
  privateKey: KeyObject
}

/** Each algorithm has two selectors, so that the next key can be found before the last one goes. */
export const selectorSlots = {
  'rsa-sha256': ['mwr1', 'mwr2'],
  'ed25519-sha256': ['mwe1', 'mwe2'],
} as const satisfies Record<DkimAlgorithm, readonly [string, string]>

export const dkimSelectors: readonly string[] = Object.values(selectorSlots).flat()

/** The first keys of a domain; a rotation takes the other selector. */
const firstSelectors = { 'rsa-sha256': 'mwr1', 'ed25519-sha256': 'mwe1' } as const satisfies Record<
  DkimAlgorithm,
  string
>
const algorithms = ['rsa-sha256', 'ed25519-sha256'] as const satisfies readonly DkimAlgorithm[]

// RFC 8301 §3.2 asks for 2048 at least; with more, the record no longer fits into a UDP answer.
const rsaBits = 2048

/** A job that makes the keys of a domain, for the transaction that connects it. */
export async function addDkimKeysJob(tx: Tx, domainIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    domainIds.map((id) => ({
      name: 'domains.make_dkim_keys' as const,
      payload: { domain_id: id },
      key: `domains.make_dkim_keys:${id}`,
      queue: 'dkim_keys', // an RSA key takes a core for a tenth of a second, and there may be thousands to make
    })),
  )
}

const missingPerRun = 500

/** Adds that job for domains that have no keys: those of before, and those whose job gave up. */
export async function addMissingDkimKeys(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select id from domains where state <> 'deleted'
        and (select count(*) from dkim_keys where domain_id = domains.id) < ${algorithms.length}
      order by id limit ${missingPerRun}`.execute(tx)
    await addDkimKeysJob(
      tx,
      rows.map(({ id }) => id),
    )
  })
}

/** Makes the keys that a domain lacks. Does nothing for one that has both, or that is deleted. */
export async function makeDkimKeys(platform: Platform, domainId: string): Promise<void> {
  const present = new Set(
    (await dkimKeysOf(platform.db, domainId)).map(({ algorithm }) => algorithm as string),
  )
  const made = await Promise.all(
    algorithms.filter((algorithm) => !present.has(algorithm)).map((algorithm) => newKey(platform, algorithm)),
  )
  if (made.length === 0) return
  await transaction(platform.db, async (tx) => {
    // Locked, so that two jobs and the deletion take turns.
    const domain = await tx
      .selectFrom('domains')
      .select(['id', 'name', 'organization_id', 'workspace_id'])
      .where('id', '=', domainId)
      .where('state', '<>', 'deleted')
      .forUpdate()
      .executeTakeFirst()
    if (!domain) return
    const now = platform.clock.now()
    const inserted = await tx
      .insertInto('dkim_keys')
      .values(
        made.map((key) => ({
          ...key,
          selector: firstSelectors[key.algorithm],
          domain_id: domain.id,
          // The first keys sign at once: until its record is there, a signature counts as none (RFC 6376 §6.1).
          state: 'active' as const,
          created_at: now,
          activated_at: now,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .returning('selector')
      .execute()
    if (inserted.length === 0) return
    await touchZones(platform, tx, [domain.id])
    await appendEvents(platform, tx, [
      {
        type: 'domain.dkim_keys_created',
        organizationId: domain.organization_id,
        workspaceId: domain.workspace_id,
        data: {
          domain_id: domain.id,
          name: domain.name,
          selectors: inserted.map(({ selector }) => selector),
        },
      },
    ])
  })
}

const generate = promisify(generateKeyPair)

/** A key that has no selector and no state yet. */
export async function newKey(platform: Platform, algorithm: DkimAlgorithm) {
  const { privateKey, publicKey } =
    algorithm === 'rsa-sha256' ? await generate('rsa', { modulusLength: rsaBits }) : await generate('ed25519')
  const id = newId()
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  return {
    id,
    algorithm,
    public_key: publicKeyText(publicKey),
    key_id: platform.vault.keyId,
    sealed_private_key: platform.vault.seal(der, privateKeyContext('dkim_keys', id)),
  }
}

/** What `p=` holds: of RSA the whole SubjectPublicKeyInfo (RFC 6376 §3.6.1), of Ed25519 its 32 bytes (RFC 8463 §4). */
function publicKeyText(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' })
  return (key.asymmetricKeyType === 'ed25519' ? der.subarray(-32) : der).toString('base64')
}

/** The text of the record at SELECTOR._domainkey.DOMAIN. */
export function dkimRecord({ algorithm, public_key: publicKey }: DkimKey): string {
  return `v=DKIM1; k=${algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519'}; p=${publicKey}`
}

/** The keys whose records belong into DNS: those that sign, that will, and that did until lately. */
export async function dkimKeysOf(db: Db, domainId: string): Promise<DkimKey[]> {
  return await db
    .selectFrom('dkim_keys')
    .select(['algorithm', 'selector', 'public_key', 'state'])
    .where('domain_id', '=', domainId)
    .orderBy('selector', 'desc')
    .execute()
}

/**
 * What mail of a domain is signed with, RSA first; empty when it has no keys (yet).
 * @param domain in A-labels.
 * @throws VaultError when a key does not open.
 */
export async function dkimSignersOf(platform: Platform, domain: string): Promise<readonly DkimSigner[]> {
  return (await cacheOf(platform).load(domain, () => readSigners(platform, domain))) ?? []
}

async function readSigners(platform: Platform, domain: string): Promise<readonly DkimSigner[]> {
  const rows = await platform.db
    .selectFrom('dkim_keys')
    .innerJoin('domains', 'domains.id', 'dkim_keys.domain_id')
    .select(['dkim_keys.id', 'algorithm', 'selector', 'sealed_private_key'])
    .where('domains.name', '=', domain)
    .where('domains.state', '<>', 'deleted')
    .where('dkim_keys.state', '=', 'active')
    .orderBy('algorithm', 'desc')
    .execute()
  return rows.map(({ id, algorithm, selector, sealed_private_key: sealed }) => ({
    domain,
    selector,
    algorithm,
    privateKey: createPrivateKey({
      key: platform.vault.open(sealed, privateKeyContext('dkim_keys', id)),
      type: 'pkcs8',
      format: 'der',
    }),
  }))
}

const signersChange: ReadonlySet<string> = new Set([
  'domain.dkim_keys_created',
  'domain.dkim_keys_activated',
  'domain.deleted',
])
const cachedMax = 10_000
const cacheTtlMs = 10 * 60_000
const caches = new WeakMap<Platform, Cache<readonly DkimSigner[]>>()

function cacheOf(platform: Platform): Cache<readonly DkimSigner[]> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<readonly DkimSigner[]>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe(({ type }) => {
    if (signersChange.has(type)) cache.clear()
  })
  caches.set(platform, cache)
  return cache
}
