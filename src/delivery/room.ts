/**
 * Room in mailboxes, as RCPT TO asks for it: from memory. A node remembers the usage of mailboxes that have a quota,
 * adds what the event log tells of deliveries, and forgets it when anything else happens to the messages.
 *
 * So a quota may be passed by what was accepted at RCPT and has not been committed yet: of one mailbox at most a
 * message for each SMTP transaction that runs, and what other nodes committed in the moments until this node hears.
 * A sender that announces a size (RFC 1870) is judged by it.
 */

import type { MailboxOwner } from '../messages/owner.ts'
import { type MailPolicy, policyOf } from '../messages/policies.ts'
import { hasRoom, isLimited, usageOf } from '../messages/quotas.ts'
import { createCache } from '../platform/cache.ts'
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { Platform } from '../platform/platform.ts'

/** 'full': not now. 'never': the message alone is larger than the quota. */
export type Room = 'enough' | 'full' | 'never'

export type RoomKeeper = {
  /** @param sizeBytes as announced; 0 when it was not. */
  roomFor(owner: MailboxOwner, sizeBytes: number): Promise<Room>
  stop(): void
}

type Known = {
  usage: Promise<{ bytes: number; messages: number }>
  /** What arrived since it was read. */
  received: { bytes: number; messages: number }
  /** Whether it was read to its end; until then what arrives may be in it or not. */
  read: boolean
  stale: boolean
}

const cachedMax = 100_000
/** The log tells of changes; this is for what it might have missed. */
const cacheTtlMs = 60_000

export function startRoomKeeper(platform: Platform): RoomKeeper {
  const cache = createCache<Known>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  const unsubscribe = platform.bus.subscribe((event) => {
    const known = event.mailboxId === null ? undefined : cache.get(event.mailboxId)
    if (known) follow(known, event)
  })
  const usageNow = async (mailboxId: string): Promise<{ bytes: number; messages: number }> => {
    const kept = cache.get(mailboxId)
    const known = kept === undefined || kept.stale ? readUsage(platform, mailboxId) : kept
    if (known !== kept) cache.set(mailboxId, known)
    const { bytes, messages } = await known.usage
    return { bytes: bytes + known.received.bytes, messages: messages + known.received.messages }
  }
  return {
    async roomFor(owner, sizeBytes) {
      const policy = await policyOf(platform, owner)
      if (!isLimited(policy)) return 'enough'
      if (neverFits(policy, sizeBytes)) return 'never'
      // Of a message of unknown size it is known that it has one byte.
      const need = { bytes: Math.max(sizeBytes, 1), messages: 1 }
      return hasRoom(policy, await usageNow(owner.mailboxId), need) ? 'enough' : 'full'
    },
    stop: unsubscribe,
  }
}

function neverFits({ quotaBytes }: MailPolicy, sizeBytes: number): boolean {
  return quotaBytes !== null && sizeBytes > quotaBytes
}

function readUsage(platform: Platform, mailboxId: string): Known {
  const known: Known = {
    usage: usageOf(platform.db, mailboxId).then(
      (usage) => {
        known.read = true
        return usage
      },
      (error: unknown) => {
        known.stale = true
        throw error
      },
    ),
    received: { bytes: 0, messages: 0 },
    read: false,
    stale: false,
  }
  return known
}

function follow(known: Known, { type, data }: PublishedEvent): void {
  const bytes = type === 'message.received' && known.read ? sizeOf(data) : null
  if (bytes !== null) {
    known.received.bytes += bytes
    known.received.messages += 1
  } else if (changesUsage(type)) known.stale = true
}

function changesUsage(type: string): boolean {
  return type === 'folder.deleted' || (type.startsWith('message.') && type !== 'message.flags_changed')
}

/** From data that another version of this program on another node may have written. */
function sizeOf(data: unknown): number | null {
  const size: unknown =
    typeof data === 'object' && data !== null
      ? Object.getOwnPropertyDescriptor(data, 'size_bytes')?.value
      : undefined
  return typeof size === 'number' ? size : null
}
