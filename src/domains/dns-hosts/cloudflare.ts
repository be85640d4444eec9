/**
 * Cloudflare DNS, API v4. It has records with ids of their own rather than sets: what is there is read, and only the
 * records that differ are touched.
 */

import { listOf, member, numberOf, textOf } from '../../platform/json-members.ts'
import type { RRset } from '../zones/records.ts'
import { type CloudflareAsk, cloudflareClient, refusalOf } from './cloudflare-client.ts'
import { fieldsOf, type HostRecord, recordOf } from './cloudflare-records.ts'
import { type DnsHost, DnsHostError, type HostZone, type ListedZone } from './driver.ts'
import type { AddressRule } from './http.ts'
import { dnsHostPolicy } from './policy.ts'

export const cloudflareApiUrl = 'https://api.cloudflare.com/client/v4'

export type CloudflareSettings = {
  /** Whose zones these are; needed to make one. null: whatever the token shows. */
  accountId: string | null
}

const perPage = 100
const [ttlSecondsMin, ttlSecondsMax] = [60, 86_400]
const operationsPerBatchMax = 200 // what the smallest plan allows
const zonesPerPage = 50

export function openCloudflare(
  settings: CloudflareSettings,
  apiToken: string,
  { apiUrl = cloudflareApiUrl, mayAsk }: { apiUrl?: string; mayAsk: AddressRule },
): DnsHost {
  const ask = cloudflareClient(apiUrl, apiToken, mayAsk)
  return {
    async check() {
      // Tokens of a user and of an account are verified in two places; both may list zones, and must.
      await ask('GET', '/zones?per_page=5')
    },
    findZone: (name) => findZone(ask, settings, name),
    listZones: (max) => listZones(ask, settings, max),
    createZone: (name) => createZone(ask, settings, name),
    async listRRsets(zone) {
      return setsOf(await readRecords(ask, zone))
    },
    async apply(zone, changes) {
      const records = Map.groupBy(await readRecords(ask, zone), keyOf)
      const deletes: { id: string }[] = []
      const posts: Record<string, unknown>[] = []
      for (const change of changes) {
        const present = records.get(keyOf(change)) ?? []
        const { name, type, ttl } = change
        deletes.push(
          ...present.filter(({ value }) => change.remove.includes(value)).map(({ id }) => ({ id })),
        )
        const missing = change.add.filter((value) => !present.some((record) => record.value === value))
        posts.push(
          ...missing.map((value) => ({
            name,
            type,
            ttl: Math.min(Math.max(ttl, ttlSecondsMin), ttlSecondsMax),
            proxied: false, // what is proxied has Cloudflare's own addresses, where no mail server answers
            comment: 'Mailwright',
            ...fieldsOf(type, value),
          })),
        )
      }
      await send(ask, zone, deletes, posts)
    },
  }
}

async function findZone(
  ask: CloudflareAsk,
  { accountId }: CloudflareSettings,
  name: string,
): Promise<HostZone | null> {
  const ofAccount = accountFilter({ accountId })
  const reply = await ask(
    'GET',
    `/zones?name=${encodeURIComponent(name)}&per_page=${zonesPerPage}${ofAccount}`,
  )
  const zones = listOf(reply, 'result').filter((zone) => textOf(zone, 'name') === name)
  // Several accounts may hold the same name; the one that it is delegated to is active.
  const zone = zones.find((one) => textOf(one, 'status') === 'active') ?? zones[0]
  return zone === undefined ? null : zoneOf(zone, name)
}

function accountFilter({ accountId }: CloudflareSettings): string {
  return accountId === null ? '' : `&account.id=${encodeURIComponent(accountId)}`
}

async function listZones(
  ask: CloudflareAsk,
  settings: CloudflareSettings,
  max: number,
): Promise<ListedZone[]> {
  const zones: ListedZone[] = []
  for (let page = 1, pages = 1; page <= pages && zones.length < max; page++) {
    const path = `/zones?per_page=${zonesPerPage}&page=${page}${accountFilter(settings)}`
    const reply = await ask('GET', path)
    for (const zone of listOf(reply, 'result')) {
      zones.push({ ...zoneOf(zone, textOf(zone, 'name')), status: textOf(zone, 'status') })
    }
    pages = numberOf(member(reply, 'result_info'), 'total_pages', 1)
  }
  return zones.slice(0, max)
}

async function createZone(ask: CloudflareAsk, settings: CloudflareSettings, name: string): Promise<HostZone> {
  if (settings.accountId === null) {
    throw new DnsHostError('rejected', 'To make a zone, Cloudflare must know the account: set account_id.')
  }
  const body = { account: { id: settings.accountId }, name, type: 'full' }
  const zoneExists = 1061
  const reply = await ask('POST', '/zones', body, [zoneExists])
  if (reply !== null) return zoneOf(member(reply, 'result'), name)
  const zone = await findZone(ask, settings, name)
  if (zone === null)
    throw new DnsHostError('zone_missing', `${name} is a zone of another Cloudflare account.`)
  return zone
}

function zoneOf(zone: unknown, name: string): HostZone {
  const id = textOf(zone, 'id')
  if (id === '') throw refusalOf('a zone without an id')
  const nameservers = listOf(zone, 'name_servers').filter((one) => typeof one === 'string')
  return { id, name, nameservers }
}

const keyOf = ({ name, type }: { name: string; type: string }): string => `${type} ${name}`

async function readRecords(ask: CloudflareAsk, zone: HostZone): Promise<HostRecord[]> {
  const records: HostRecord[] = []
  for (let page = 1, pages = 1; page <= pages; page++) {
    const path = `/zones/${encodeURIComponent(zone.id)}/dns_records?per_page=${perPage}&page=${page}`
    const reply = await ask('GET', path)
    const found = listOf(reply, 'result')
    records.push(...found.flatMap((one) => recordOf(one) ?? []))
    pages = numberOf(member(reply, 'result_info'), 'total_pages', 1)
    if (pages * perPage > dnsHostPolicy.recordsPerZoneMax) {
      throw new DnsHostError('rejected', `The zone has more than ${dnsHostPolicy.recordsPerZoneMax} records.`)
    }
  }
  return records
}

function setsOf(records: readonly HostRecord[]): RRset[] {
  return [...Map.groupBy(records, keyOf).values()].flatMap((set) => {
    const [first] = set
    if (!first) return []
    const values = [...new Set(set.map(({ value }) => value))]
    return { name: first.name, type: first.type, ttl: Math.min(...set.map(({ ttl }) => ttl)), values }
  })
}

/** A batch deletes before it posts, in one transaction; what does not fit into one goes in several, in that order. */
async function send(
  ask: CloudflareAsk,
  zone: HostZone,
  deletes: readonly { id: string }[],
  posts: readonly Record<string, unknown>[],
): Promise<void> {
  const all = deletes.length + posts.length
  for (let from = 0; from < all; from += operationsPerBatchMax) {
    const to = from + operationsPerBatchMax
    const batch = {
      deletes: deletes.slice(from, to),
      posts: posts.slice(Math.max(from - deletes.length, 0), Math.max(to - deletes.length, 0)),
    }
    const body = Object.fromEntries(Object.entries(batch).filter(([, operations]) => operations.length > 0))
    await ask('POST', `/zones/${encodeURIComponent(zone.id)}/dns_records/batch`, body)
  }
}
