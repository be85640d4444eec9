/**
 * The tail of the event log: one reader for each node follows the settled log for everyone of this process who wants to
 * hear of it, from the first to the last of them.
 *
 * A subscriber reads by itself up to where the reader is, and is handed events from there on. Handed events wait in
 * a queue with a bound; past it the queue is dropped and the subscriber reads by itself again, at its own pace.
 */
import type { EventCursor, FollowedOwners } from './event-log.ts'
import { type EventSubscription, type Shared, startSubscription, type Wanted } from './event-subscription.ts'
import { createTailReader } from './event-tail-reader.ts'
import { isPublicType } from './event-types.ts'
import type { Platform } from './platform.ts'
import { type ShownEvent, showEvent } from './public-event.ts'

export type EventTail = {
  /** @param after null: from now on, which is when the subscription is ready. */
  subscribe(wanted: Wanted, after: EventCursor | null): EventSubscription
  /** Ends all subscriptions. */
  stop(): Promise<void>
}

const ownReadsMax = 4
const queuedMax = 100_000
/** Owners that a reading names; if there are more, it reads everybody's. */
const namedOwnersMax = 200

/** The subscribers to one workspace, or to what is an organization's own. */
type Owner = {
  all: Set<EventSubscription>
  byMailbox: Map<string, Set<EventSubscription>>
  /** Everything of it that stands behind where the reader is will be handed out. */
  isFollowed: boolean
}

export function startEventTail(platform: Platform): EventTail {
  const owners = new Map<string, Owner>()
  const subscriptions = new Set<EventSubscription>()
  const reader = createTailReader(platform, {
    isActive: () => owners.size > 0,
    isFollowed: (event) => owners.has(keyOf(event)),
    owners: () => namedOwners([...owners.keys()]),
    begin() {
      const named = [...owners.values()]
      return () => {
        for (const owner of named) owner.isFollowed = true
      }
    },
    hand(logged) {
      if (!isPublicType(logged.type)) return
      const { workspace_id: workspaceId, organization_id: organizationId, mailbox_id: mailboxId } = logged
      const owner = owners.get(keyOf({ workspaceId, organizationId }))
      if (owner !== undefined) handTo(owner, mailboxId, showEvent(logged))
    },
  })
  const shared: Shared = {
    platform,
    queued: { count: 0, max: queuedMax },
    takeTurn: createTurns(ownReadsMax),
    place: reader.place,
    async follows({ of }) {
      if (owners.get(keyOf(of))?.isFollowed !== true) await reader.nextReading()
    },
  }
  return {
    subscribe(wanted, after) {
      const subscription = startSubscription(shared, wanted, after, () => {
        subscriptions.delete(subscription)
        remove(owners, wanted, subscription)
        reader.wake()
      })
      subscriptions.add(subscription)
      add(owners, wanted, subscription)
      reader.wake()
      return subscription
    },
    async stop() {
      for (const subscription of [...subscriptions]) subscription.end()
      await reader.stop()
    },
  }
}

type OwnerName = { workspaceId: string | null; organizationId: string } | Wanted['of']

function keyOf(owner: OwnerName): string {
  if ('workspaceId' in owner && owner.workspaceId !== null) return owner.workspaceId
  return 'organizationId' in owner ? `${organizationMark}${owner.organizationId}` : ''
}

const organizationMark = 'organization '

function namedOwners(keys: readonly string[]): FollowedOwners {
  if (keys.length > namedOwnersMax) return null
  const isOrganization = (key: string): boolean => key.startsWith(organizationMark)
  return {
    workspaceIds: keys.filter((key) => !isOrganization(key)),
    organizationIds: keys.filter(isOrganization).map((key) => key.slice(organizationMark.length)),
  }
}

function handTo({ all, byMailbox }: Owner, mailboxId: string | null, event: ShownEvent): void {
  for (const subscription of all) subscription.hand(event)
  if (mailboxId === null) return
  for (const subscription of byMailbox.get(mailboxId) ?? []) subscription.hand(event)
}

function add(owners: Map<string, Owner>, { of, mailboxId }: Wanted, subscription: EventSubscription): void {
  const owner = owners.get(keyOf(of)) ?? { all: new Set(), byMailbox: new Map(), isFollowed: false }
  owners.set(keyOf(of), owner)
  if (mailboxId === null) owner.all.add(subscription)
  else owner.byMailbox.set(mailboxId, (owner.byMailbox.get(mailboxId) ?? new Set()).add(subscription))
}

function remove(
  owners: Map<string, Owner>,
  { of, mailboxId }: Wanted,
  subscription: EventSubscription,
): void {
  const owner = owners.get(keyOf(of))
  if (owner === undefined) return
  owner.all.delete(subscription)
  const some = mailboxId === null ? undefined : owner.byMailbox.get(mailboxId)
  some?.delete(subscription)
  if (mailboxId !== null && some?.size === 0) owner.byMailbox.delete(mailboxId)
  if (owner.all.size === 0 && owner.byMailbox.size === 0) owners.delete(keyOf(of))
}

/** @returns what runs at most so many at once, the others in their order. */
function createTurns(atOnceMax: number): Shared['takeTurn'] {
  let free = atOnceMax
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
