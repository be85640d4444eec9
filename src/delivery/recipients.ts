/** Recipients: what an address in RCPT TO is to this platform, decided before the message is taken. */
import { isSandboxName, parseDomainName } from '../domains/names.ts'
import { type Address, parseAddress, withoutDetail } from '../mailboxes/address.ts'
import { isServed } from '../mailboxes/lifecycle.ts'
import { findRoute, type Route, servesDomain } from '../mailboxes/routing.ts'
import { findInboxId } from '../messages/folders.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { createCache } from '../platform/cache.ts'
import type { Platform } from '../platform/platform.ts'
import { type RoomKeeper, startRoomKeeper } from './room.ts'

export type LocalRecipient = {
  kind: 'local'
  /** As it was asked for: the mailbox's address, an alias, either with a detail. */
  address: string
  owner: MailboxOwner
  /** The domain of that address. */
  domainId: string
  /** INBOX. */
  folderId: string
}

export type RemoteRecipient = { kind: 'remote'; address: string; domain: string }

export type Recipient =
  | LocalRecipient
  | RemoteRecipient
  /** Our domain, but no such address. */
  | { kind: 'unknown' }
  /** The mailbox is there and takes no mail now. */
  | { kind: 'unavailable' }
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
  const find = async (address: Address): Promise<Recipient> => {
    // An address with a detail is not remembered: a mailbox of exactly that name may be made at any time.
    if (withoutDetail(address) !== null) return await look(platform, address)
    const found: { recipient: Recipient } = { recipient: { kind: 'unknown' } }
    const local = await cache.load(address.address, async () => {
      found.recipient = await look(platform, address)
      return found.recipient.kind === 'local' ? found.recipient : null
    })
    return local ?? found.recipient
  }
  return {
    async resolve(text, sizeBytes = 0) {
      const address = parseAddress(text)
      if (!address.ok) return { kind: 'invalid', problem: address.problem }
      const recipient = await find(address.value)
      return recipient.kind === 'local' ? await withRoom(room, recipient, sizeBytes) : recipient
    },
    stop() {
      unsubscribe()
      room.stop()
    },
  }
}

/** What an address is now, without a memory and whatever room there is: for those who are not asked at RCPT. */
export async function resolveRecipient(platform: Platform, text: string): Promise<Recipient> {
  const address = parseAddress(text)
  return address.ok ? await look(platform, address.value) : { kind: 'invalid', problem: address.problem }
}

async function withRoom(
  keeper: RoomKeeper,
  recipient: LocalRecipient,
  sizeBytes: number,
): Promise<Recipient> {
  const room = await keeper.roomFor(recipient.owner, sizeBytes)
  if (room === 'enough') return recipient
  return { kind: room === 'full' ? 'full' : 'too-large' }
}

// Creations are not among them: they change nothing that is remembered.
function changesRouting(type: string): boolean {
  return type === 'mailbox.state_changed' || type === 'mailbox.purged' || type === 'domain.state_changed'
}

async function look(platform: Platform, address: Address): Promise<Recipient> {
  const route = await findRoute(platform, address)
  if (!route) {
    if (await servesDomain(platform, address.domain)) return { kind: 'unknown' }
    const name = parseDomainName(address.domain)
    return name !== null && isSandboxName(name)
      ? { kind: 'invalid', problem: 'is in a sandbox domain that is not connected here' }
      : { kind: 'remote', address: address.address, domain: address.domain }
  }
  const folderId = takesMail(route) ? await findInboxId(platform, route.mailboxId) : null
  if (folderId === null) return { kind: 'unavailable' }
  const owner = {
    organizationId: route.organizationId,
    workspaceId: route.workspaceId,
    mailboxId: route.mailboxId,
  }
  return { kind: 'local', address: address.address, owner, domainId: route.domainId, folderId }
}

function takesMail(route: Route): boolean {
  return isServed(route.mailboxState) && route.domainState === 'active' && route.service === 'local'
}
