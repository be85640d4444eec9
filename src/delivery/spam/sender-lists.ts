/**
 * Sender lists: whom a mailbox, its domain or its workspace always wants to hear, and whom never. The nearest level that
 * has something to say decides; within a level, the most particular pattern does.
 *
 * An entry that allows is a promise that forgers would use: it counts only where the name that it matches was proved.
 */
import { sql } from 'kysely'
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Arrival, Authentication } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipients.ts'
import { type Author, mailboxesOf } from './header-signs.ts'
import { registrable } from './links.ts'
import { patternsFor } from './sender-patterns.ts'
import type { SenderListKind, SenderListMode } from './tables.ts'

export type Senders = {
  /** The reverse path; empty is the null sender, which no list names. */
  mailFrom: string
  /** Addresses of the header's From. */
  from: readonly string[]
}

/** What the lists say of senders as they are named, proved or not. */
export async function senderVerdict(
  platform: Platform,
  recipient: LocalRecipient,
  { mailFrom, from }: Senders,
): Promise<'allowed' | 'blocked' | null> {
  return await verdict(platform, recipient, {
    allowable: [mailFrom, ...from],
    blockable: [mailFrom, ...from],
  })
}

/** Whether a reverse path is refused at RCPT TO. What allows it nearer is believed here: the proof comes later. */
export async function refusesSender(
  platform: Platform,
  recipient: LocalRecipient,
  mailFrom: string,
): Promise<boolean> {
  if (mailFrom === '') return false
  return (await senderVerdict(platform, recipient, { mailFrom, from: [] })) === 'blocked'
}

/**
 * Where the lists put a message for one recipient; null: they say nothing.
 * @param authentication null for what a login of ours sends.
 */
export async function sortBySenderLists(
  platform: Platform,
  recipient: LocalRecipient,
  arrival: Arrival,
  authentication: Authentication | null,
): Promise<'inbox' | 'junk' | 'blocked' | null> {
  const { mode, levels } = await listsOf(platform, recipient)
  if (levels.length === 0) return mode === 'allow_list' ? 'blocked' : null
  const authors = authorsOf(arrival)
  const found = await verdict(platform, recipient, {
    allowable: provedSenders(arrival, authors, authentication),
    blockable: [arrival.mailFrom, ...authors.map(({ address }) => address)],
  })
  if (found === 'allowed') return 'inbox'
  if (found === 'blocked') return 'junk'
  return mode === 'allow_list' ? 'blocked' : null
}

/** The authors that the header names. */
export function authorsOf({ message }: Pick<Arrival, 'message'>): Author[] {
  const values = collectHeaderValues(message.header, new Set(['from'])).get('from') ?? []
  return values.flatMap((value) => mailboxesOf(value))
}

/**
 * The senders that an allowing entry may name: the reverse path where SPF passes for it, and the author, if there is
 * one alone, where DMARC passes or SPF or DKIM do for his own domain.
 */
function provedSenders(
  { mailFrom }: Arrival,
  authors: readonly Author[],
  authentication: Authentication | null,
): string[] {
  const [author, ...others] = authors
  const only = others.length === 0 ? author : undefined
  if (authentication === null) {
    // A login may use its own reverse path only; the header's From is proved by being the same.
    return mailFrom === '' ? [] : [mailFrom]
  }
  const { spf, dkim, dmarc } = authentication
  const spfDomain = spf.result === 'pass' ? spf.domain?.toLowerCase() : undefined
  const proved = spfDomain !== undefined && domainOf(mailFrom) === spfDomain ? [mailFrom] : []
  if (only === undefined) return proved
  const isProved =
    dmarc.result === 'pass' ||
    dkim.some(({ result, aligned }) => result === 'pass' && aligned) ||
    (spfDomain !== undefined && isSameOwner(spfDomain, only.domain))
  return isProved ? [...proved, only.address] : proved
}

/** RFC 7489 §3.1.2, relaxed: of one registered domain. */
function isSameOwner(left: string, right: string): boolean {
  return left === right || (registrable(left) !== null && registrable(left) === registrable(right))
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}

type Named = {
  /** Addresses that an allowing entry may match, and those that a blocking one may. */
  allowable: readonly string[]
  blockable: readonly string[]
}

async function verdict(
  platform: Platform,
  recipient: LocalRecipient,
  { allowable, blockable }: Named,
): Promise<'allowed' | 'blocked' | null> {
  const { levels } = await listsOf(platform, recipient)
  if (levels.length === 0) return null
  const patterns = { allow: allowable.map(patternsFor), block: blockable.map(patternsFor) }
  const entries = await matchingEntries(platform, levels, [
    ...new Set([...patterns.allow.flat(), ...patterns.block.flat()]),
  ])
  for (const level of levels) {
    const own = entries.filter(({ scope_id }) => scope_id === level)
    const depth = (kind: SenderListKind): number =>
      Math.min(...patterns[kind].map((list) => depthOf(list, own, kind)))
    const [allow, block] = [depth('allow'), depth('block')]
    if (allow !== Infinity || block !== Infinity) return allow < block ? 'allowed' : 'blocked'
  }
  return null
}

type Entry = { scope_id: string; kind: SenderListKind; pattern: string }

/** How particular the entry is that matches one address: 0 is the address itself. Infinity: none matches. */
function depthOf(patterns: readonly string[], entries: readonly Entry[], kind: SenderListKind): number {
  const at = patterns.findIndex((pattern) =>
    entries.some((entry) => entry.kind === kind && entry.pattern === pattern),
  )
  return at === -1 ? Infinity : at
}

async function matchingEntries(
  platform: Platform,
  levels: readonly string[],
  patterns: readonly string[],
): Promise<Entry[]> {
  if (patterns.length === 0) return []
  const { rows } = await sql<Entry>`/* prepared sender_list_entries */
    select scope_id, kind, pattern from sender_lists
    where scope_id = any(${uuidArray(levels)}) and pattern = any(${[...patterns]}::text[])`.execute(
    platform.db,
  )
  return rows
}

/** What a recipient has of lists: the ids of the levels with entries, the nearest first. */
type Lists = { mode: SenderListMode; levels: readonly string[] }

const cachedMax = 100_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Lists>>()

/** Remembered until the event log tells of a change: most recipients have none, and then nothing is asked for. */
async function listsOf(platform: Platform, { owner, domainId }: LocalRecipient): Promise<Lists> {
  const read = (): Promise<Lists> =>
    readLists(platform, owner.mailboxId, [owner.mailboxId, domainId, owner.workspaceId])
  return (await cacheOf(platform).load(`${owner.mailboxId} ${domainId}`, read)) ?? (await read())
}

function cacheOf(platform: Platform): Cache<Lists> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Lists>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe(({ type }) => {
    if (type === 'sender_list.updated' || type === 'sender_list.mode_changed') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}

async function readLists(platform: Platform, mailboxId: string, levelIds: readonly string[]): Promise<Lists> {
  const { rows } = await sql<{ mode: SenderListMode | null; levels: string[] }>`/* prepared sender_lists_of */
    select (select mode from sender_list_modes where mailbox_id = ${mailboxId}::uuid) as mode,
      array(select level.id::text from unnest(${uuidArray(levelIds)}) with ordinality as level (id, place)
        where exists (select from sender_lists where scope_id = level.id) order by level.place) as levels`.execute(
    platform.db,
  )
  return { mode: rows[0]?.mode ?? 'open', levels: rows[0]?.levels ?? [] }
}
