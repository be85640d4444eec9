/** Recipients: what an address in RCPT TO is to this platform, decided before the message is taken. */
import { isSandboxName, parseDomainName } from '../domains/names.ts'
import { type Address, parseAddress, withoutDetail } from '../mailboxes/address.ts'
import { isServed } from '../mailboxes/lifecycle.ts'
import { findServedDomain, type MailboxRoute, type Route, routeAddress } from '../mailboxes/routing.ts'
import { findInboxId } from '../messages/folders.ts'
import { type Cache, createCache } from '../platform/cache.ts'
import type { Platform } from '../platform/platform.ts'
import type { LocalRecipient, RemoteRecipient, ReportRecipient } from './recipient-kinds.ts'
import { reportLocalParts } from './reports/report-names.ts'
import { type RoomKeeper, startRoomKeeper } from './room.ts'
import {
  expandForward,
  type Forwarding,
  type ForwardRecipient,
  type ForwardTarget,
  type Found,
} from './routing/expand.ts'
import { looksRewritten, originalSender, srsKeyOf } from './routing/srs.ts'

export type { LocalRecipient, RemoteRecipient, ReportRecipient }

export type Recipient =
  | LocalRecipient
  | RemoteRecipient
  /** An address of ours that goes on to others. */
  | ForwardRecipient
  | ReportRecipient
  /** Our domain, but no such address. */
  | { kind: 'unknown' }
  /** The mailbox is there and takes no mail now. */
  | { kind: 'unavailable' }
  /** A deleted mailbox, or an alias that is turned off: to come again is of no use. */
  | { kind: 'disabled' }
  /** Its quota leaves no room now. */
  | { kind: 'full' }
  /** The message alone is larger than its quota. */
  | { kind: 'too-large' }
  /** Not an address, or a sandbox name (RFC 6761) that nobody here has. */
  | { kind: 'invalid'; problem: string }

export type RecipientResolver = {
  /** @param sizeBytes of the message, as it was announced (RFC 1870); 0 when it was not. */
  resolve(text: string, sizeBytes?: number): Promise<Recipient>
  stop(): void
}

const cachedMax = 100_000
const cacheTtlMs = 60_000

/**
 * Starts a node's resolver. It remembers mailboxes that take mail and forgets them when the event log tells of
 * a change; what was not found is asked for again each time, so that a new mailbox receives at once.
 */
export function startRecipientResolver(platform: Platform): RecipientResolver {
  const cache = createCache<LocalRecipient>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  const unsubscribe = platform.bus.subscribe((event) => {
    if (changesRouting(event.type)) cache.clear()
  })
  const room = startRoomKeeper(platform)
  const resolver: RecipientResolver = {
    async resolve(text, sizeBytes = 0) {
      const recipient = await follow((address) => find(platform, address, cache), text)
      if (recipient.kind === 'local') return (await refusedFor(room, [recipient], sizeBytes)) ?? recipient
      if (recipient.kind === 'forward')
        return (await refusedFor(room, recipient.local, sizeBytes)) ?? recipient
      return recipient
    },
    stop() {
      if (resolvers.get(platform) === resolver) resolvers.delete(platform)
      unsubscribe()
      room.stop()
    },
  }
  if (!resolvers.has(platform)) resolvers.set(platform, resolver)
  return resolver
}

const resolvers = new WeakMap<Platform, RecipientResolver>()

/** The resolver of this platform, for those who follow an address while they deliver. */
export function resolverOf(platform: Platform): RecipientResolver {
  return resolvers.get(platform) ?? startRecipientResolver(platform)
}

/** What an address is now, without a memory and whatever room there is: for those who are not asked at RCPT. */
export async function resolveRecipient(platform: Platform, text: string): Promise<Recipient> {
  return await follow((address) => find(platform, address, null), text)
}

async function follow(findOne: (text: string) => Promise<Found>, text: string): Promise<Recipient> {
  const found = await findOne(text)
  return found.kind === 'forwarding' ? await expandForward(findOne, text, found) : found
}

/** @returns why the message cannot go to one of these mailboxes, or null. */
async function refusedFor(
  keeper: RoomKeeper,
  recipients: readonly LocalRecipient[],
  sizeBytes: number,
): Promise<Recipient | null> {
  for (const { owner } of recipients) {
    const room = await keeper.roomFor(owner, sizeBytes)
    if (room !== 'enough') return { kind: room === 'full' ? 'full' : 'too-large' }
  }
  return null
}

const routingEvents = new Set([
  'mailbox.state_changed',
  'mailbox.renamed',
  'mailbox.purged',
  'domain.state_changed',
  'address.updated',
  'address.deleted',
])

// Creations are not among them: they change nothing that is remembered.
function changesRouting(type: string): boolean {
  return routingEvents.has(type)
}

/** Whether an address leads to mailboxes here alone. Where a forward of ours leads else is nobody's to see. */
export function isForHere({ kind, targets }: { kind: string; targets?: readonly ForwardTarget[] }): boolean {
  return kind === 'local' || (kind === 'forward' && targets?.length === 0)
}

/** What one address is. */
async function find(platform: Platform, text: string, cache: Cache<LocalRecipient> | null): Promise<Found> {
  const rewritten = await findRewritten(platform, text)
  if (rewritten !== null) return rewritten
  const parsed = parseAddress(text)
  if (!parsed.ok) return { kind: 'invalid', problem: parsed.problem }
  const address = parsed.value
  // An address with a detail is not remembered: a mailbox of exactly that name may be made at any time.
  if (reportLocalParts.has(address.localPart)) return await lookForReports(platform, address)
  if (cache === null || withoutDetail(address) !== null) return (await look(platform, address)).found
  let looked: Found = { kind: 'unknown' }
  const local = await cache.load(address.address, async () => {
    const { found, isOwn } = await look(platform, address)
    looked = found
    return isOwn && found.kind === 'local' ? found : null
  })
  return local ?? looked
}

/** A rewritten sender of ours (SRS), whose bounce goes back to whom it names; null for any other address. */
async function findRewritten(platform: Platform, text: string): Promise<Found | null> {
  const at = text.lastIndexOf('@')
  const localPart = text.slice(0, Math.max(0, at))
  if (!looksRewritten(localPart)) return null
  const name = parseDomainName(text.slice(at + 1))
  const domain = name === null ? null : await findServedDomain(platform, name)
  if (name === null || domain === null) return null
  const original = originalSender(localPart, srsKeyOf(platform.vault), platform.clock.now())
  if (original === null) return { kind: 'unknown' }
  return { ...forwardingOf(text, name, { ...domain, domainId: domain.id }, [original]), bouncesOnly: true }
}

/** `isOwn`: the address itself is in the table, so that nothing new can come before it. */
async function look(platform: Platform, address: Address): Promise<{ found: Found; isOwn: boolean }> {
  const routing = await routeAddress(platform, address)
  if (routing.kind === 'unknown') return { found: routing, isOwn: false }
  if (routing.kind === 'elsewhere') return { found: elsewhere(address), isOwn: false }
  const { route } = routing
  return { found: await foundOf(platform, address, route), isOwn: route.address === address.address }
}

/** A mailbox or an alias of that very name comes first, a catch-all does not. */
async function lookForReports(platform: Platform, address: Address): Promise<Found> {
  const { found, isOwn } = await look(platform, address)
  if (isOwn || found.kind === 'remote') return found
  const domain = await findServedDomain(platform, address.domain)
  return domain?.state === 'active'
    ? { kind: 'report', address: address.address, domainId: domain.id }
    : found
}

function elsewhere({ address, domain }: Address): Found {
  return isSandboxName(domain)
    ? { kind: 'invalid', problem: 'is in a sandbox domain that is not connected here' }
    : { kind: 'remote', address, domain }
}

async function foundOf(platform: Platform, at: Address, route: Route): Promise<Found> {
  const { address, domain } = at
  if (route.mailboxId === null) {
    return route.domainState === 'active'
      ? forwardingOf(route.address, domain, route, route.targets)
      : { kind: 'unavailable' }
  }
  if (isDisabled(route)) return { kind: 'disabled' }
  // Its mail is at its service, where the domain's MX records lead.
  if (route.service !== 'local' && isServed(route.mailboxState)) return elsewhere(at)
  const folderId = takesMail(route) ? await findInboxId(platform, route.mailboxId) : null
  if (folderId === null) return { kind: 'unavailable' }
  const { organizationId, workspaceId, mailboxId, domainId } = route
  return { kind: 'local', address, owner: { organizationId, workspaceId, mailboxId }, domainId, folderId }
}

function forwardingOf(
  address: string,
  domain: string,
  { organizationId, workspaceId, domainId }: Pick<Route, 'organizationId' | 'workspaceId' | 'domainId'>,
  targets: readonly string[],
): Forwarding {
  const owner = { organizationId, workspaceId, mailboxId: domainId }
  return { kind: 'forwarding', forwarder: { address, domain, owner }, targets, bouncesOnly: false }
}

// What is deleted with its domain waits as the domain does.
function isDisabled({ enabled, mailboxState, domainState }: MailboxRoute): boolean {
  return !enabled || (mailboxState === 'deletion_scheduled' && domainState === 'active')
}

function takesMail(route: MailboxRoute): boolean {
  return isServed(route.mailboxState) && route.domainState === 'active' && route.service === 'local'
}
