/** One who follows the event log from a place on, without gap or repeat (event-tail.ts). */
import { placeOrder } from './event-cursor.ts'
import { type EventCursor, type EventsOf, endOfEventLog, readEventLog } from './event-log.ts'
import { isPublicType, type TypeFilter, wantsType } from './event-types.ts'
import type { Platform } from './platform.ts'
import { type ShownEvent, showEvent } from './public-event.ts'

/** Which events a subscriber wants. */
export type Wanted = {
  of: Exclude<EventsOf, 'all'>
  /** Set: of the workspace, what concerns this mailbox. */
  mailboxId: string | null
  types: TypeFilter
}

export type EventSubscription = {
  /**
   * Resolves when it follows: from here on every event is seen that is committed. Rejects when it cannot be read.
   * @returns false where it has ended before.
   */
  ready(): Promise<boolean>
  /**
   * The next events in their order; none when there were none for so long, or none yet among many that are not wanted.
   * Null: it has ended. One call at a time.
   */
  next(waitMs: number): Promise<readonly ShownEvent[] | null>
  /** Behind everything that `next` gave. Once it is ready. */
  place(): EventCursor
  /** The tail hands it an event. */
  hand(event: ShownEvent): void
  end(): void
}

/** What the subscriptions of a tail have in common. */
export type Shared = {
  platform: Platform
  /** Events that wait in all queues together. */
  queued: { count: number; readonly max: number }
  /** Those who read by themselves do it a few at a time. */
  takeTurn<T>(work: () => Promise<T>): Promise<T>
  /** Resolves once everything of it behind `place()` will be handed out. */
  follows(wanted: Wanted): Promise<void>
  /** Up to where the tail has handed out everything. */
  place(): EventCursor
}

const queueMax = 256
const rowsPerRead = 500

/** @param onEnd is called once. */
export function startSubscription(
  shared: Shared,
  wanted: Wanted,
  after: EventCursor | null,
  onEnd: () => void,
): EventSubscription {
  const { platform, queued } = shared
  let own = after
  let queue: ShownEvent[] = []
  /** It has to read by itself until it is where the tail is. */
  let isBehind = after !== null
  let isCollecting = true
  let hasEnded = false
  let wake: (() => void) | null = null
  let started: Promise<boolean> | null = null

  const take = (): ShownEvent[] => {
    const taken = queue
    queued.count -= taken.length
    queue = []
    return taken
  }
  const start = async (): Promise<boolean> => {
    if (hasEnded) return false
    await shared.follows(wanted)
    if (!hasEnded && own === null) {
      own = await shared.takeTurn(() => endOfEventLog(platform.db, platform.clock.now()))
      dropRead(own)
    }
    return !hasEnded
  }
  const ready = (): Promise<boolean> => {
    started ??= start()
    return started
  }
  const dropRead = (place: EventCursor): void => {
    const order = placeOrder(place)
    queue = take().filter((event) => event.order > order)
    queued.count += queue.length
  }
  const readOwn = async (from: EventCursor): Promise<ShownEvent[]> => {
    isCollecting = true // before the reading, so that nothing can fall in between
    const page = await shared.takeTurn(() =>
      readEventLog(platform.db, wanted.of, from, rowsPerRead, platform.clock.now()),
    )
    own = page.next
    if (!page.isMore && isCollecting) {
      isBehind = false
      dropRead(page.next)
    }
    return page.events.filter((event) => wants(wanted, event)).map(showEvent)
  }

  return {
    ready,
    async next(waitMs) {
      await ready()
      const untilMs = performance.now() + waitMs
      while (!hasEnded && own !== null) {
        if (isBehind) {
          const events = await readOwn(own)
          if (events.length > 0) return hasEnded ? null : events
        }
        if (!isBehind && queue.length > 0) {
          const events = take()
          own = events.at(-1)?.place ?? own
          return events
        }
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0) return hasEnded ? null : []
        if (isBehind) continue
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        wake = null
      }
      return null
    },
    place() {
      const isLive = !isBehind && queue.length === 0 && !hasEnded
      return isLive ? later(own, shared.place()) : (own ?? shared.place())
    },
    hand(event) {
      if (!isCollecting || hasEnded || !wantsType(wanted.types, event.event.type)) return
      if (!isBehind && own !== null && event.order <= placeOrder(own)) return // it was ahead of the tail
      if (queue.length >= queueMax || queued.count >= queued.max) {
        take()
        isCollecting = false
        isBehind = true
      } else {
        if (queue.length === 0 && !isBehind) own = later(own, shared.place())
        queue.push(event)
        queued.count++
      }
      wake?.()
    },
    end() {
      if (hasEnded) return
      hasEnded = true
      take()
      wake?.()
      onEnd()
    },
  }
}

function later(one: EventCursor | null, other: EventCursor): EventCursor {
  return one !== null && placeOrder(one) > placeOrder(other) ? one : other
}

/** Whether an event of the owner is one that is wanted. */
export function wants(
  { mailboxId, types }: Wanted,
  event: { type: string; mailbox_id: string | null },
): boolean {
  const concerns = mailboxId === null || event.mailbox_id === mailboxId
  return concerns && isPublicType(event.type) && wantsType(types, event.type)
}
