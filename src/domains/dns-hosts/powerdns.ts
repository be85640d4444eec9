/**
 * PowerDNS Authoritative, HTTP API v1. It changes whole sets, so each is read first and written with whatever else it
 * holds: values of others in the very form in which they are there, and records that are switched off.
 */

import { listOf, member, numberOf, textOf } from '../../platform/json-members.ts'
import type { RRset } from '../zones/records.ts'
import { type DnsHost, DnsHostError, type HostZone, type SetChange } from './driver.ts'
import { type AddressRule, askHost, type HostReply } from './http.ts'
import { dnsHostPolicy } from './policy.ts'
import { fromAbsolute, fromZoneFile, isRecordType, toAbsolute, toZoneFile } from './presentation.ts'

export type PowerDnsSettings = {
  /** Where its web server is, as in `http://192.0.2.1:8081`. */
  url: string
  /** Nearly always `localhost`. */
  serverId: string
  /** What a zone that is made here is delegated to. */
  nameservers: readonly string[]
}

export function openPowerDns(settings: PowerDnsSettings, apiKey: string, mayAsk: AddressRule): DnsHost {
  const base = `${settings.url.replace(/\/+$/, '')}/api/v1/servers/${encodeURIComponent(settings.serverId)}`
  const ask: Ask = async (method, path, body) => {
    const request = { method, url: `${base}${path}`, headers: { 'x-api-key': apiKey } }
    return await askHost(body === undefined ? request : { ...request, body }, mayAsk)
  }
  return {
    async check() {
      const reply = await ask('GET', '')
      if (reply.status !== 200 || textOf(reply.json, 'type') !== 'Server') throw failure(reply)
    },
    findZone: (name) => findZone(ask, name),
    createZone: (name) => createZone(ask, settings, name),
    async listRRsets(zone) {
      return (await readSets(ask, zone)).map(visible).filter(({ values }) => values.length > 0)
    },
    async apply(zone, changes) {
      const sets = new Map((await readSets(ask, zone)).map((set) => [keyOf(set), set]))
      const rrsets = changes.flatMap((change) => replacement(change, sets.get(keyOf(change))) ?? [])
      if (rrsets.length === 0) return
      // A set that goes makes room for a CNAME of its name (and the other way round).
      rrsets.sort((one, other) => one.changetype.localeCompare(other.changetype))
      const reply = await ask('PATCH', `/zones/${encodeURIComponent(zone.id)}`, { rrsets })
      if (reply.status !== 204 && reply.status !== 200) throw failure(reply)
    },
  }
}

type Ask = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown) => Promise<HostReply>

async function findZone(ask: Ask, name: string): Promise<HostZone | null> {
  const reply = await ask('GET', `/zones?zone=${encodeURIComponent(toAbsolute(name))}&dnssec=false`)
  if (reply.status !== 200 || !Array.isArray(reply.json)) throw failure(reply)
  const found = reply.json.find((zone: unknown) => fromAbsolute(textOf(zone, 'name')) === name)
  const id = textOf(found, 'id')
  if (id === '') return null
  const zone = { id, name, nameservers: [] }
  const query = `?rrset_name=${encodeURIComponent(toAbsolute(name))}&rrset_type=NS`
  const ns = (await readSets(ask, zone, query)).find((set) => set.name === name && set.type === 'NS')
  return { ...zone, nameservers: ns === undefined ? [] : visible(ns).values }
}

async function createZone(ask: Ask, settings: PowerDnsSettings, name: string): Promise<HostZone> {
  const reply = await ask('POST', '/zones', {
    name: toAbsolute(name),
    kind: 'Native',
    nameservers: settings.nameservers.map(toAbsolute),
    soa_edit_api: 'DEFAULT',
    api_rectify: true,
  })
  if (reply.status !== 201 && reply.status !== 409) throw failure(reply)
  const zone = await findZone(ask, name)
  if (zone === null) throw new DnsHostError('zone_missing', `The host made ${name} but does not show it.`)
  return zone
}

type HostRecord = { content: string; disabled: boolean }
type HostSet = Omit<RRset, 'values'> & { records: readonly HostRecord[] }

async function readSets(ask: Ask, zone: HostZone, query = ''): Promise<HostSet[]> {
  const reply = await ask('GET', `/zones/${encodeURIComponent(zone.id)}${query}`)
  if (reply.status !== 200) throw failure(reply)
  const sets: HostSet[] = []
  let count = 0
  for (const one of listOf(reply.json, 'rrsets')) {
    const type = textOf(one, 'type')
    if (!isRecordType(type)) continue
    const records = listOf(one, 'records').map((record) => ({
      content: textOf(record, 'content'),
      disabled: member(record, 'disabled') === true,
    }))
    count += records.length
    if (count > dnsHostPolicy.recordsPerZoneMax) {
      throw new DnsHostError('rejected', `The zone has more than ${dnsHostPolicy.recordsPerZoneMax} records.`)
    }
    sets.push({ name: fromAbsolute(textOf(one, 'name')), type, ttl: numberOf(one, 'ttl', 0), records })
  }
  return sets
}

function visible({ name, type, ttl, records }: HostSet): RRset {
  const values = records.filter(({ disabled }) => !disabled).map(({ content }) => fromZoneFile(type, content))
  return { name, type, ttl, values: [...new Set(values)] }
}

const keyOf = ({ name, type }: { name: string; type: string }): string => `${type} ${name}`

/** The whole set as it is to be; null when it is so already. */
function replacement(change: SetChange, present: HostSet | undefined) {
  const { name, type, ttl } = change
  const before = present?.records ?? []
  const canonical = ({ content }: HostRecord): string => fromZoneFile(type, content)
  const kept = before.filter((record) => record.disabled || !change.remove.includes(canonical(record)))
  const there = new Set(kept.filter(({ disabled }) => !disabled).map(canonical))
  const added = change.add
    .filter((value) => !there.has(value))
    .map((value) => ({ content: toZoneFile(type, value), disabled: false }))
  const records = [...kept, ...added]
  const isAsWanted = added.length === 0 && kept.length === before.length
  if (isAsWanted && (records.length === 0 || present?.ttl === ttl)) return null
  const set = { name: toAbsolute(name), type }
  // Comments that are not mentioned stay.
  return records.length === 0
    ? { ...set, changetype: 'DELETE' }
    : { ...set, changetype: 'REPLACE', ttl, records }
}

function failure(reply: HostReply): DnsHostError {
  const said = textOf(reply.json, 'error') || (reply.json === undefined ? reply.text : '')
  const words = `PowerDNS answered ${reply.status}${said === '' ? '' : `: ${said}`}`
  const { retryAfterMs } = reply
  if (reply.status === 401 || reply.status === 403) return new DnsHostError('credentials', words)
  if (reply.status === 404) return new DnsHostError('zone_missing', words)
  if (reply.status === 429) return new DnsHostError('rate_limited', words, { retryAfterMs })
  if (reply.status >= 500 || reply.status < 300) return new DnsHostError('unreachable', words)
  if (/conflicts with pre-existing/i.test(said)) return new DnsHostError('conflict', words)
  return new DnsHostError('rejected', words)
}
