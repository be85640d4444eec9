/** The signers of zones, for the name server that keeps the zones in memory. */

import { sql } from 'kysely'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { ZoneSigner } from '../found-zone.ts'
import { ttlSeconds } from '../policy.ts'
import type { WireRRset } from '../zone-answer.ts'
import { dnskeyRdata, dsRdata } from './key-records.ts'
import { openZoneKey } from './keys.ts'
import { createSignatureCache, type SignatureCache, signAnswer, signed } from './sign-answer.ts'
import type { ZoneKey } from './signature.ts'

type KeyRow = {
  id: string
  domain_id: string
  name: string
  public_key: Buffer
  key_tag: number
  sealed_private_key: Buffer
}

/** The signers of those of these domains that are signed, by domain id. */
export async function readSigners(
  platform: Platform,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, ZoneSigner>> {
  const { rows } = await sql<KeyRow>`
    select k.id, k.domain_id, d.name, k.public_key, k.key_tag, k.sealed_private_key
    from dnssec_keys k join domains d on d.id = k.domain_id
    where k.state = 'active' and k.domain_id = any(${domainIds}::uuid[])`.execute(platform.db)
  return new Map(rows.map((row) => [row.domain_id, signerOf(platform, row)]))
}

function signerOf(platform: Platform, row: KeyRow): ZoneSigner {
  let opened: ZoneKey | null = null
  // When it is first needed: most zones are rarely asked about.
  const key = (): ZoneKey => {
    opened ??= openZoneKey(platform, row.name, {
      id: row.id,
      keyTag: row.key_tag,
      sealed: row.sealed_private_key,
    })
    return opened
  }
  const now = () => ({
    nowSeconds: Math.floor(platform.clock.now().getTime() / 1000),
    cache: cacheOf(platform),
  })
  return {
    apexSets: keySets(row.name, row.public_key),
    sign: (answer, asked) => signAnswer(answer, key(), { ...asked, ...now() }),
    signSet: (rrset) => signed(rrset, key(), now(), true),
  }
}

/** DNSKEY, and CDS and CDNSKEY for parents that look for them (RFC 7344 §3, RFC 8078). */
export function keySets(zone: string, point: Buffer): WireRRset[] {
  const dnskey = dnskeyRdata(point)
  const set = (type: number, rdata: Buffer): WireRRset => ({
    owner: zone,
    type,
    ttl: ttlSeconds.NS,
    rdata: [rdata],
    wildcard: null,
  })
  return [
    set(dnsTypes.DNSKEY, dnskey),
    set(dnsTypes.CDS, dsRdata(zone, dnskey)),
    set(dnsTypes.CDNSKEY, dnskey),
  ]
}

const caches = new WeakMap<Platform, SignatureCache>()

function cacheOf(platform: Platform): SignatureCache {
  const cache = caches.get(platform) ?? createSignatureCache()
  caches.set(platform, cache)
  return cache
}
