/**
 * Waiting for a message. Whoever waits listens first and looks then, so that nothing falls between; while he waits, each
 * message that arrives on any node is looked at once. The last look is at the end, for what an event may not have told.
 */
import type { Platform } from '../../platform/platform.ts'
import { type ArrivalPlace, placeBehind } from './arrival-cursor.ts'
import { type Arrival, type ArrivalFilter, fitsArrival } from './arrival-filter.ts'
import { type ArrivalNews, listenForArrivals } from './arrival-news.ts'
import { type ArrivalFolder, arrivalsPerStep, readArrivals, readArrivalsOf } from './arrivals.ts'
import { enterWaiters } from './waiters.ts'

export type WaitWish = {
  mailboxId: string
  /** The key or the session that waits. */
  callerId: string
  folderId: ArrivalFolder
  filter: ArrivalFilter
  from: ArrivalPlace
  /** 0: only look. */
  timeoutMs: number
  /** Aborted when nobody waits any more. */
  signal: AbortSignal
}

export type Waited = {
  found: Arrival | null
  /** Where to go on: with no gap, and without what was found. */
  next: ArrivalPlace
}

export const waitSecondsMax = 120

/** Messages that one look looks at; what is behind them is for the next call. */
const examinedMax = 2000

/** @throws Refusal wait_limit_reached. */
export async function waitForMessage(platform: Platform, wish: WaitWish): Promise<Waited> {
  using waiter = enterWaiters(platform, wish.mailboxId, wish.callerId)
  using news = listenForArrivals(platform, wish.mailboxId, wish.from)
  using ended = endOfWait([waiter.signal, wish.signal], wish.timeoutMs)
  const first = await look(platform, wish, wish.from)
  if (first.found !== null || first.isCut || wish.timeoutMs === 0) return first
  const followed = await follow(platform, wish, first.next, news, ended.signal)
  if (followed.found !== null || wish.signal.aborted) return followed
  return await look(platform, wish, followed.next)
}

type Looked = Waited & {
  /** There was more than one look looks at. */
  isCut: boolean
}

async function look(platform: Platform, wish: WaitWish, place: ArrivalPlace): Promise<Looked> {
  const { mailboxId, folderId } = wish
  const lookedAt = platform.clock.now()
  let afterId: string | null = null
  for (let examined = 0; examined < examinedMax; examined += arrivalsPerStep) {
    const arrivals: Arrival[] = await readArrivals(platform, mailboxId, folderId, place, afterId)
    const found = await firstFitting(platform, wish, arrivals)
    if (found !== null) return { ...behind(place, lookedAt, found), isCut: false }
    if (arrivals.length < arrivalsPerStep)
      return { found: null, next: placeBehind(place, lookedAt, null), isCut: false }
    afterId = arrivals.at(-1)?.id ?? null
  }
  return { found: null, next: { ...place, fromId: afterId ?? place.fromId }, isCut: true }
}

/** Looks at what arrives, until it is over. */
async function follow(
  platform: Platform,
  wish: WaitWish,
  from: ArrivalPlace,
  news: ArrivalNews,
  ended: AbortSignal,
): Promise<Waited> {
  let place = from
  for (;;) {
    const ids = await news.next(ended)
    if (ids === 'ended') return { found: null, next: place }
    if (ids === 'too_many') {
      const looked = await look(platform, wish, place)
      if (looked.found !== null || looked.isCut) return looked
      place = looked.next
    } else {
      const found = await lookAt(platform, wish, place, ids)
      if (found !== null) return behind(place, platform.clock.now(), found)
    }
    if (ended.aborted) return { found: null, next: place } // however many come: the last look has its bound
  }
}

async function lookAt(
  platform: Platform,
  wish: WaitWish,
  place: ArrivalPlace,
  ids: readonly string[],
): Promise<Arrival | null> {
  for (let at = 0; at < ids.length; at += arrivalsPerStep) {
    const some = ids.slice(at, at + arrivalsPerStep)
    const arrivals = await readArrivalsOf(platform, wish.mailboxId, wish.folderId, place, some)
    const found = await firstFitting(platform, wish, arrivals)
    if (found !== null) return found
  }
  return null
}

async function firstFitting(
  platform: Platform,
  { filter, signal }: WaitWish,
  arrivals: readonly Arrival[],
): Promise<Arrival | null> {
  for (const arrival of arrivals) {
    if (signal.aborted) return null
    if (await fitsArrival(platform.db, filter, arrival)) return arrival
  }
  return null
}

function behind(place: ArrivalPlace, lookedAt: Date, found: Arrival): Waited & { found: Arrival } {
  return { found, next: placeBehind(place, lookedAt, { id: found.id, bodyId: found.bodyId }) }
}

/** Aborted when one of the signals is, or after the time. */
function endOfWait(signals: readonly AbortSignal[], timeoutMs: number): Disposable & { signal: AbortSignal } {
  const time = new AbortController()
  const timer = setTimeout(() => time.abort(), timeoutMs)
  return {
    signal: AbortSignal.any([...signals, time.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
