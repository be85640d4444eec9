/** DNSSEC keys: asked for by a request, made by a job, and gone with DNSSEC or the domain. One key signs a zone. */
import { createPrivateKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { Selectable } from 'kysely'
import type { Scope } from '../../../accounts/principals.ts'
import { type Db, type Tx, transaction } from '../../../platform/database.ts'
import { Refusal } from '../../../platform/errors.ts'
import { appendEvents } from '../../../platform/events.ts'
import { newId } from '../../../platform/ids.ts'
import { addJob } from '../../../platform/jobs.ts'
import type { Platform } from '../../../platform/platform.ts'
import { type Domain, lockDomain } from '../../domains.ts'
import { privateKeyContext } from '../../reseal.ts'
import { touchZones } from '../serial.ts'
import { dnskeyRdata, keyTagOf, publicPoint } from './key-records.ts'
import type { ZoneKey } from './signature.ts'
import type { DnssecKeysTable } from './tables.ts'

export type DnssecKeyRow = Selectable<DnssecKeysTable>

export async function dnssecKeyOf(db: Db, domainId: string): Promise<DnssecKeyRow | null> {
  const row = await db
    .selectFrom('dnssec_keys')
    .selectAll()
    .where('domain_id', '=', domainId)
    .executeTakeFirst()
  return row ?? null
}

/**
 * Turns DNSSEC on: adds the job that makes the key. Once more changes nothing.
 * @throws Refusal domain_not_found, dnssec_not_served, forbidden.
 */
export async function enableDnssec(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.dns_mode !== 'served') throw new Refusal('dnssec_not_served')
  const inserted = await tx
    .insertInto('dnssec_keys')
    .values({ id: newId(), domain_id: domain.id, state: 'pending', created_at: platform.clock.now() })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .execute()
  if (inserted.length === 0) return domain
  await addJob(tx, 'domains.make_dnssec_key', { domain_id: domain.id })
  await tell(platform, tx, domain, { type: 'domain.dnssec_enabled', data: ids(domain) })
  return domain
}

/**
 * Turns DNSSEC off. Whoever calls it has made sure that the parent has no DS record: see parent.ts.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function disableDnssec(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  const deleted = await tx
    .deleteFrom('dnssec_keys')
    .where('domain_id', '=', domain.id)
    .returning('id')
    .execute()
  if (deleted.length === 0) return domain
  await touchZones(platform, tx, [domain.id])
  await tell(platform, tx, domain, { type: 'domain.dnssec_disabled', data: ids(domain) })
  return domain
}

const generate = promisify(generateKeyPair)

/** The job: makes the key that was asked for, and has the zone signed from now on. */
export async function makeDnssecKey(platform: Platform, domainId: string): Promise<void> {
  const row = await dnssecKeyOf(platform.db, domainId)
  if (row === null || row.state !== 'pending') return
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  const point = publicPoint(privateKey)
  const keyTag = keyTagOf(dnskeyRdata(point))
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  await transaction(platform.db, async (tx) => {
    const domain = await tx
      .selectFrom('domains')
      .selectAll()
      .where('id', '=', domainId)
      .where('state', '<>', 'deleted')
      .forUpdate()
      .executeTakeFirst()
    if (!domain) return
    const updated = await tx
      .updateTable('dnssec_keys')
      .set({
        state: 'active',
        public_key: point,
        key_tag: keyTag,
        key_id: platform.vault.keyId,
        sealed_private_key: platform.vault.seal(der, privateKeyContext('dnssec_keys', row.id)),
        activated_at: platform.clock.now(),
      })
      .where('id', '=', row.id)
      .where('state', '=', 'pending')
      .returning('id')
      .execute()
    if (updated.length === 0) return
    await touchZones(platform, tx, [domain.id])
    const data = { ...ids(domain), key_tag: keyTag }
    await tell(platform, tx, domain, { type: 'domain.dnssec_key_created', data })
  })
}

/** @throws VaultError when the key does not open. */
export function openZoneKey(
  { vault }: Platform,
  zone: string,
  { id, keyTag, sealed }: { id: string; keyTag: number; sealed: Buffer },
): ZoneKey {
  const der = vault.open(sealed, privateKeyContext('dnssec_keys', id))
  return { zone, keyTag, privateKey: createPrivateKey({ key: der, type: 'pkcs8', format: 'der' }) }
}

function ids({ id, name }: Domain): { domain_id: string; name: string } {
  return { domain_id: id, name }
}

type DnssecEvent =
  | { type: 'domain.dnssec_enabled' | 'domain.dnssec_disabled'; data: { domain_id: string; name: string } }
  | { type: 'domain.dnssec_key_created'; data: { domain_id: string; name: string; key_tag: number } }

async function tell(platform: Platform, tx: Tx, domain: Domain, event: DnssecEvent): Promise<void> {
  const { organization_id: organizationId, workspace_id: workspaceId } = domain
  await appendEvents(platform, tx, [{ ...event, organizationId, workspaceId }])
}
