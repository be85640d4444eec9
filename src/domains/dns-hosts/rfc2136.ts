/**
 * Any name server that takes DNS UPDATE (RFC 2136) signed with TSIG: BIND, Knot DNS, PowerDNS. An update is one message, all
 * or nothing; what a zone has is read by AXFR with the same key.
 */
import type { DnsServer } from '../../platform/dns-wire/client.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  encodeRecord,
  opcodes,
  rcodes,
} from '../../platform/dns-wire/message.ts'
import type { TsigKey } from '../../platform/dns-wire/tsig.ts'
import { encodeRdata } from '../zones/rdata.ts'
import { decodeRdata, recordTypeOf } from '../zones/rdata-text.ts'
import type { RecordType, RRset } from '../zones/records.ts'
import { type DnsHost, DnsHostError, type HostZone, type SetChange } from './driver.ts'
import type { AddressRule } from './http.ts'
import { createSignedClient, refusedBy, type SignedClient } from './rfc2136-client.ts'

export type Rfc2136Settings = { server: DnsServer; key: TsigKey }

export function openRfc2136(
  { server, key }: Rfc2136Settings,
  mayAsk: AddressRule,
  nowSeconds: () => number,
): DnsHost {
  const client = createSignedClient(server, key, nowSeconds)
  const allowed = <T>(work: () => Promise<T>): Promise<T> => {
    if (mayAsk(server.address)) return work()
    return Promise.reject(new DnsHostError('rejected', `${server.address} is an address of this network.`))
  }
  return {
    // Whatever the code: who does not know the key says so.
    check: () => allowed(async () => void (await client.ask(question('', dnsTypes.SOA)))),
    findZone: (name) => allowed(() => findZone(client, name)),
    createZone: (name) =>
      allowed(async () => {
        const zone = await findZone(client, name)
        if (zone !== null) return zone
        throw new DnsHostError(
          'rejected',
          `DNS updates make no zones: make ${name} at the name server first.`,
        )
      }),
    listRRsets: (zone) => allowed(() => listRRsets(client, zone)),
    apply: (zone, changes) => allowed(() => apply(client, zone, changes)),
  }
}

function question(name: string, type: number) {
  return { flags: 0, questions: [{ name, type, class: dnsClasses.IN }] }
}

async function findZone(client: SignedClient, name: string): Promise<HostZone | null> {
  const { message } = await client.ask(question(name, dnsTypes.SOA))
  const isApex = message.answers.some(({ owner, type }) => owner === name && type === dnsTypes.SOA)
  if (!isApex) return null
  const reply = await client.ask(question(name, dnsTypes.NS))
  const nameservers = reply.message.answers
    .filter(({ type }) => type === dnsTypes.NS)
    .flatMap((record) => decodeRdata('NS', reply.bytes, record) ?? [])
  return { id: name, name, nameservers }
}

type ServerValue = { value: string; rdata: Buffer }

/** The sets with each value as the server has it: of a text, many forms mean the same. */
type ServerSet = Omit<RRset, 'values'> & { values: ServerValue[] }

async function readSets(client: SignedClient, zone: HostZone): Promise<Map<string, ServerSet>> {
  const sets = new Map<string, ServerSet>()
  for (const { bytes, record } of await client.transfer(zone.name)) {
    const type = record.class === dnsClasses.IN ? recordTypeOf(record.type) : null
    const value = type === null ? null : decodeRdata(type, bytes, record)
    if (type === null || value === null) continue
    // Names may be compressed there; they have one form.
    const rdata = typesWithNames.has(type) ? encodeRdata(type, value) : Buffer.from(record.rdata)
    const set = sets.get(keyOf({ name: record.owner, type })) ?? {
      name: record.owner,
      type,
      ttl: record.ttl,
      values: [],
    }
    if (rdata !== null) set.values.push({ value, rdata })
    sets.set(keyOf(set), set)
  }
  return sets
}

const typesWithNames: ReadonlySet<RecordType> = new Set(['CNAME', 'MX', 'NS', 'PTR', 'SRV'])

async function listRRsets(client: SignedClient, zone: HostZone): Promise<RRset[]> {
  return [...(await readSets(client, zone)).values()].map((set) => ({
    ...set,
    values: [...new Set(set.values.map(({ value }) => value))],
  }))
}

const keyOf = ({ name, type }: Pick<RRset, 'name' | 'type'>): string => `${type} ${name}`

async function apply(client: SignedClient, zone: HostZone, changes: readonly SetChange[]): Promise<void> {
  const before = await readSets(client, zone)
  const updates = changes.flatMap((change) => updatesOf(change, before.get(keyOf(change))) ?? [])
  if (updates.length === 0) return
  // What goes makes room for what comes, as a CNAME needs it.
  const records = [
    ...updates.flatMap(({ removals }) => removals),
    ...updates.flatMap(({ additions }) => additions),
  ]
  const update = {
    flags: opcodes.UPDATE << 11,
    questions: [{ name: zone.name, type: dnsTypes.SOA, class: dnsClasses.IN }],
    authority: records,
  }
  if (encodeMessage({ id: 0, ...update }).length > updateBytesMax) {
    throw new DnsHostError('rejected', 'The changes do not fit into one update.')
  }
  const { message } = await client.ask(update)
  if (message.rcode !== rcodes.NOERROR) throw refusedBy(message.rcode, `an update of ${zone.name}`)
  await requireDone(client, zone, changes)
}

// Of 65,535, with room for the signature.
const updateBytesMax = 65_000

type Updates = { removals: Buffer[]; additions: Buffer[] }

/** null when the set is as it is to be. */
function updatesOf(
  { name, type, ttl, add, remove }: SetChange,
  present: ServerSet | undefined,
): Updates | null {
  const has = present?.values ?? []
  const gone = has.filter(({ value }) => remove.includes(value))
  const kept = has.filter(({ value }) => !remove.includes(value))
  const there = new Set(kept.map(({ value }) => value))
  const missing = add
    .filter((value) => !there.has(value))
    .map((value) => ({ value, rdata: rdataOf(type, value) }))
  const isTtlAsWanted = present === undefined || present.ttl === ttl || kept.length === 0
  if (gone.length === 0 && missing.length === 0 && isTtlAsWanted) return null
  const record = { owner: name, type: dnsTypes[type] }
  // RFC 2136 §2.5: class NONE takes a record out; one that is there already is put in again for its TTL (§3.4.2.2).
  return {
    removals: gone.map(({ rdata }) => encodeRecord({ ...record, class: dnsClasses.NONE, ttl: 0, rdata })),
    additions: [...(isTtlAsWanted ? [] : kept), ...missing].map(({ rdata }) =>
      encodeRecord({ ...record, ttl, rdata }),
    ),
  }
}

function rdataOf(type: RRset['type'], value: string): Buffer {
  const rdata = encodeRdata(type, value)
  if (rdata === null) throw new DnsHostError('rejected', `"${value}" is no value of a ${type} record.`)
  return rdata
}

/** A server passes over what does not go together (RFC 2136 §3.4.2.2), such as a CNAME beside other records, and says NOERROR. */
async function requireDone(
  client: SignedClient,
  zone: HostZone,
  changes: readonly SetChange[],
): Promise<void> {
  const after = await readSets(client, zone)
  for (const change of changes) {
    const values = after.get(keyOf(change))?.values.map(({ value }) => value) ?? []
    const isDone =
      change.add.every((value) => values.includes(value)) &&
      !change.remove.some((value) => values.includes(value) && !change.add.includes(value))
    if (isDone) continue
    throw new DnsHostError('conflict', `The name server left ${change.type} of ${change.name} as it was.`)
  }
}
