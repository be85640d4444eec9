/**
 * DNS as the program asks it: through the configured resolver, with a deadline, one question at a time for each name,
 * and answers remembered for a short while. Whatever asks the world for a record asks here.
 */

import { Resolver } from 'node:dns/promises'
import { unmapped } from './address-bytes.ts'
import { createCache } from './cache.ts'
import type { Config } from './config.ts'

export type MxRecord = { exchange: string; priority: number }
export type SrvRecord = { priority: number; weight: number; port: number; name: string }
/** `critical` is the flags byte; the one other member is the property, such as `issue` (RFC 8659 §4.1). */
export type CaaRecord = { critical: number } & Readonly<Record<string, string | number>>

/** What each type answers with, as node:dns gives it. */
export type DnsAnswers = {
  A: string[]
  AAAA: string[]
  CAA: CaaRecord[]
  CNAME: string[]
  MX: MxRecord[]
  NS: string[]
  PTR: string[]
  SRV: SrvRecord[]
  TXT: string[][]
}

export type DnsType = keyof DnsAnswers

export type Dns = {
  /**
   * The records of a name. A name that has none of the type, or does not exist, answers with an empty list.
   * @param options.fresh asks the resolver whatever is remembered: someone has just changed the record.
   * @throws DnsFailure when there is no answer: the resolver failed, refused, or took too long.
   */
  lookup<T extends DnsType>(name: string, type: T, options?: { fresh: boolean }): Promise<DnsAnswers[T]>
  /**
   * The same for libraries, in the manner of node:dns: it rejects with the code ENOTFOUND or ENODATA where there is
   * nothing, and with another code where there was no answer.
   */
  resolve(name: string, type?: string): Promise<string[] | string[][]>
  /** Forgets what it remembers. */
  clear(): void
}

/** There was no answer, which is not the same as "no such record": whoever asked tries again later. */
export class DnsFailure extends Error {
  readonly code: string

  constructor(name: string, type: string, code: string, cause: unknown) {
    super(`no answer for ${type} of ${name} (${code})`, { cause })
    this.name = 'DnsFailure'
    this.code = code
  }
}

/** There is no such record: for libraries that expect node:dns. */
class NoRecord extends Error {
  readonly code: 'ENOTFOUND' | 'ENODATA'

  constructor(name: string, type: string, code: 'ENOTFOUND' | 'ENODATA') {
    const frames = Error.stackTraceLimit
    Error.stackTraceLimit = 0 // an answer like any other, several for each message: who asked is of no interest
    super(`${code} ${type} ${name}`)
    Error.stackTraceLimit = frames
    this.code = code
  }
}

type Known = { kind: 'records'; records: unknown[] } | { kind: 'none'; code: 'ENOTFOUND' | 'ENODATA' }

// node:dns tells the TTL of addresses only. A minute is short enough for every use here, and takes the load of a burst.
const cacheTtlMs = 60_000
const cachedMax = 50_000
const queryMsMax = 4_000
const triesMax = 2

const types: ReadonlySet<string> = new Set(['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT'])

/** @param config names the resolver (`ip:port`); without it the system's are asked. */
export function createDns(config: Pick<Config, 'resolver'>): Dns {
  const resolver = new Resolver({ timeout: queryMsMax, tries: triesMax })
  if (config.resolver !== null) resolver.setServers([config.resolver])
  const cache = createCache<Known>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  const running = new Map<string, Promise<Known>>()

  const ask = (name: string, type: string, fresh = false): Promise<Known> => {
    const key = `${type} ${name}`
    const kept = fresh ? undefined : cache.get(key)
    if (kept !== undefined) return Promise.resolve(kept)
    const asked = running.get(key)
    if (asked !== undefined) return asked
    const asking = askResolver(resolver, name, type)
      .then((known) => {
        cache.set(key, known)
        return known
      })
      .finally(() => running.delete(key))
    running.set(key, asking)
    return asking
  }

  return {
    async lookup<T extends DnsType>(name: string, type: T, options?: { fresh: boolean }) {
      const known = await ask(canonical(name), type, options?.fresh)
      // node:dns answers each type in this form, and `ask` was asked for this type.
      return (known.kind === 'none' ? [] : known.records) as DnsAnswers[T]
    },
    async resolve(name, type = 'A') {
      const wanted = type.toUpperCase()
      const known = await ask(canonical(name), wanted)
      if (known.kind === 'none') throw new NoRecord(name, wanted, known.code)
      return known.records as string[] | string[][] // the libraries know what node:dns answers
    },
    clear: () => cache.clear(),
  }
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

async function askResolver(resolver: Resolver, name: string, type: string): Promise<Known> {
  if (!types.has(type)) throw new DnsFailure(name, type, 'ENOTIMP', null)
  try {
    const records: unknown = await resolver.resolve(name, type)
    return Array.isArray(records) && records.length > 0
      ? { kind: 'records', records }
      : { kind: 'none', code: 'ENODATA' }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN'
    // EBADNAME: what is no name has no records (a label of 64 bytes in an SPF macro, for instance).
    if (code === 'ENOTFOUND' || code === 'EBADNAME') return { kind: 'none', code: 'ENOTFOUND' }
    if (code === 'ENODATA') return { kind: 'none', code: 'ENODATA' }
    throw new DnsFailure(name, type, code, error)
  }
}

/** The name under which an address is looked up in reverse, or in a DNS list (RFC 5782 §2.1), without the zone. */
export function reversedAddress(address: string): string | null {
  const v4 = unmapped(address)
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(v4)) return v4.split('.').toReversed().join('.')
  const full = expandedV6(address)
  return full === null ? null : [...full].toReversed().join('.')
}

/** The 32 hexadecimal digits of an IPv6 address. */
function expandedV6(address: string): string | null {
  const [head = '', tail, ...more] = address.toLowerCase().replace(/%.*$/, '').split('::')
  if (more.length > 0) return null
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = 8 - left.length - right.length
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const groups = [...left, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...right]
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => group.padStart(4, '0')).join('')
    : null
}
