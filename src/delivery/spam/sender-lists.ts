/**
 * Sender lists: whom a mailbox, its domain or its workspace always wants to hear, and whom never. The nearest level that
 * has something to say decides; within a level, the most particular pattern does. recipient-lists.ts asks the same lists
 * about those whom a mailbox writes to.
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
  return (await verdictOfNamed(platform, recipient, { mailFrom, from }))?.says ?? null
}

async function verdictOfNamed(
  platform: Platform,
  recipient: LocalRecipient,
  { mailFrom, from }: Senders,
): Promise<Verdict | null> {
  const named = [mailFrom, ...from]
  return await verdict(platform, recipient, { allowable: named, blockable: named })
}

/**
 * Whether a reverse path is refused at RCPT TO. What allows it nearer is believed here: the proof comes later. Whom the
 * mailbox itself blocks is not refused: that mail is kept in its folder Blocked.
 */
export async function refusesSender(
  platform: Platform,
  recipient: LocalRecipient,
  mailFrom: string,
): Promise<boolean> {
  if (mailFrom === '') return false
  const found = await verdictOfNamed(platform, recipient, { mailFrom, from: [] })
  return found?.says === 'blocked' && found.level !== recipient.owner.mailboxId
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
  if (found?.says === 'allowed') return 'inbox'
  if (found?.says === 'blocked') return found.level === recipient.owner.mailboxId ? 'blocked' : 'junk'
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

export type Verdict = {
  says: 'allowed' | 'blocked'
  /** The id of the mailbox, the domain or the workspace whose list it is. */
  level: string
  /** The id of the entry that decided. */
  entryId: string
}

async function verdict(
  platform: Platform,
  recipient: Listed,
  { allowable, blockable }: Named,
): Promise<Verdict | null> {
  const { levels } = await listsOf(platform, recipient)
  if (levels.length === 0) return null
  const patterns = { allow: allowable.map(patternsFor), block: blockable.map(patternsFor) }
  const entries = await matchingEntries(platform, levels, 'inbound', [
    ...patterns.allow.flat(),
    ...patterns.block.flat(),
  ])
  return decide(levels, entries, patterns)
}

/** @param patterns for each kind of entry, those of each address that it may match. */
export function decide(
  levels: readonly string[],
  entries: readonly Entry[],
  patterns: Readonly<Record<SenderListKind, readonly (readonly string[])[]>>,
): Verdict | null {
  for (const level of levels) {
    const own = entries.filter(({ scope_id }) => scope_id === level)
    const allow = nearestOf(patterns.allow, own, 'allow')
    const block = nearestOf(patterns.block, own, 'block')
    if (allow !== null && (block === null || allow.depth < block.depth))
      return { says: 'allowed', level, entryId: allow.id }
    if (block !== null) return { says: 'blocked', level, entryId: block.id }
  }
  return null
}

type Entry = { id: string; scope_id: string; kind: SenderListKind; pattern: string }
type Match = { depth: number; id: string }

/** The most particular entry that matches one of the addresses. */
function nearestOf(
  addresses: readonly (readonly string[])[],
  entries: readonly Entry[],
  kind: SenderListKind,
): Match | null {
  const found = addresses.flatMap((patterns) => matchOf(patterns, entries, kind) ?? [])
  return found.reduce<Match | null>(
    (best, match) => (best === null || match.depth < best.depth ? match : best),
    null,
  )
}

/** The entry that matches one address, and how particular it is: 0 is the address itself. */
function matchOf(patterns: readonly string[], entries: readonly Entry[], kind: SenderListKind): Match | null {
  for (const [depth, pattern] of patterns.entries()) {
    const entry = entries.find((one) => one.kind === kind && one.pattern === pattern)
    if (entry !== undefined) return { depth, id: entry.id }
  }
  return null
}

/** Entries that hold in a direction, of any of the patterns. */
export async function matchingEntries(
  platform: Platform,
  levels: readonly string[],
  direction: 'inbound' | 'outbound',
  patterns: readonly string[],
): Promise<Entry[]> {
  if (patterns.length === 0) return []
  const asked = [...new Set(patterns)]
  const { rows } = await sql<Entry>`/* prepared sender_list_entries */
    select id, scope_id, kind, pattern from sender_lists
    where scope_id = any(${uuidArray(levels)}) and pattern = any(${asked}::text[])
      and not paused and direction in ('both', ${direction})`.execute(platform.db)
  return rows
}

/** Whose lists they are: a mailbox in its domain. */
export type Listed = Pick<LocalRecipient, 'owner' | 'domainId'>

/** What a mailbox has of lists: the ids of the levels with entries, the nearest first. */
export type Lists = { mode: SenderListMode; outboundMode: SenderListMode; levels: readonly string[] }

const cachedMax = 100_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Lists>>()

/** Remembered until the event log tells of a change: most recipients have none, and then nothing is asked for. */
export async function listsOf(platform: Platform, { owner, domainId }: Listed): Promise<Lists> {
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
  type Row = { mode: SenderListMode | null; outbound_mode: SenderListMode | null; levels: string[] }
  const { rows } = await sql<Row>`/* prepared sender_lists_of */
    select (select mode from sender_list_modes where mailbox_id = ${mailboxId}::uuid) as mode,
      (select outbound_mode from sender_list_modes where mailbox_id = ${mailboxId}::uuid) as outbound_mode,
      array(select level.id::text from unnest(${uuidArray(levelIds)}) with ordinality as level (id, place)
        where exists (select from sender_lists where scope_id = level.id) order by level.place) as levels`.execute(
    platform.db,
  )
  const { mode, outbound_mode: outboundMode, levels } = rows[0] ?? {}
  return { mode: mode ?? 'open', outboundMode: outboundMode ?? 'open', levels: levels ?? [] }
}
