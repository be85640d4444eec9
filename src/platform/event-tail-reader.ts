/**
 * The reader of the tail: woken by the bus (own commits at once, other nodes' through the feed), it looks again after
 * a moment while something committed is held back by the order of the log, and polls, since a node may die between its
 * COMMIT and its announcement.
 */
import {
  type EventCursor,
  endOfEventLog,
  type FollowedOwners,
  type LoggedEvent,
  readEventLogOf,
} from './event-log.ts'
import type { Platform } from './platform.ts'

export type Followers = {
  /** Whether there is anyone to read for. */
  isActive(): boolean
  /** Whether someone wants to hear of this owner's events. */
  isFollowed(event: { workspaceId: string | null; organizationId: string }): boolean
  owners(): FollowedOwners
  /** Called before a reading. @returns what is called when it has come to the end. */
  begin(): () => void
  hand(event: LoggedEvent): void
}

export type TailReader = {
  /** Up to where everything was handed out. Only once a reading has come to its end. */
  place(): EventCursor
  /** Resolves when a reading that begins after the call has come to the end; rejects when it cannot. */
  nextReading(): Promise<void>
  /** There may be something to read, or nobody to read for. */
  wake(): void
  stop(): Promise<void>
}

const rowsPerRead = 1000
const pollMs = 1000
/** Between two readings, however much there is to read. */
const gapMs = 5
/** Until the next look at what is held back: at first, and at most. */
const heldBackMs = { min: 2, max: 100 } as const

export function createTailReader(platform: Platform, followers: Followers): TailReader {
  const { db, clock, log, bus } = platform
  let place: EventCursor | null = null
  let waiting: PromiseWithResolvers<void>[] = []
  let isWoken = false
  let interrupt: (() => void) | null = null
  let running: Promise<void> | null = null
  let isStopped = false

  const wake = (): void => {
    isWoken = true
    interrupt?.()
    if (!isStopped && followers.isActive()) running ??= follow()
  }

  /** Reads to the end. @returns whether something is held back. */
  const read = async (): Promise<boolean> => {
    const isAtEnd = followers.begin()
    place ??= await endOfEventLog(db, clock.now())
    for (;;) {
      const page = await readEventLogOf(db, followers.owners(), place, rowsPerRead, clock.now())
      for (const event of page.events) followers.hand(event)
      place = page.next
      if (page.isMore) continue
      isAtEnd()
      return page.isHeldBack
    }
  }

  const tryToRead = async (): Promise<boolean> => {
    const asked = waiting
    waiting = []
    try {
      const isHeldBack = await read()
      for (const { resolve } of asked) resolve()
      return isHeldBack
    } catch (cause) {
      log.warn({ event: 'event_tail.read_failed', cause })
      for (const { reject } of asked) reject(cause)
      return false
    }
  }

  /** Not before `gapMs`, then when it is woken, or after `delayMs` at the latest. */
  const rest = async (delayMs: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, gapMs))
    if (isWoken || delayMs <= gapMs) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs - gapMs)
      interrupt = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    interrupt = null
  }

  const follow = async (): Promise<void> => {
    const unsubscribe = bus.subscribe((event) => {
      if (followers.isFollowed(event)) wake()
    })
    let heldMs: number = heldBackMs.min
    while (!isStopped && followers.isActive()) {
      isWoken = false
      const isHeldBack = await tryToRead()
      heldMs = isHeldBack ? Math.min(heldMs * 2, heldBackMs.max) : heldBackMs.min
      await rest(isHeldBack ? heldMs : pollMs)
    }
    unsubscribe()
    place = null
    running = null
    for (const { resolve } of waiting) resolve() // they have ended
    waiting = []
  }

  return {
    place() {
      if (place === null) throw new Error('the tail of the event log has not been read yet')
      return place
    },
    nextReading() {
      const asked = Promise.withResolvers<void>()
      waiting.push(asked)
      wake()
      return asked.promise
    },
    wake,
    async stop() {
      isStopped = true
      wake()
      await running
    },
  }
}
