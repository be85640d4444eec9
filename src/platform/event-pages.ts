/** Pages of the event log for whoever asks for them: what is wanted of it, with a bound on what is looked through. */
import type { Db } from './database.ts'
import { type EventCursor, type EventPlace, readEventLog } from './event-log.ts'
import { type Wanted, wants } from './event-subscription.ts'
import { type ShownEvent, showEvent } from './public-event.ts'

export type EventPage = {
  events: ShownEvent[]
  /** Where to go on, also when nothing was found. */
  next: EventCursor
  /** There may be more now: the page is full, or the bound was reached. */
  isMore: boolean
}

const rowsPerRead = 500
const readsMax = 10

/** Reads what is wanted behind a place; a page may be short although more follows, if little is wanted of much. */
export async function readEvents(
  db: Db,
  wanted: Wanted,
  after: EventPlace,
  limit: number,
  now: Date,
): Promise<EventPage> {
  const events: ShownEvent[] = []
  let place = after
  for (let reads = 1; ; reads++) {
    const page = await readEventLog(db, wanted.of, place, rowsPerRead, now)
    for (const event of page.events) {
      if (wants(wanted, event)) events.push(showEvent(event))
      if (events.length === limit) return { events, next: event.place, isMore: true }
    }
    if (!page.isMore || reads === readsMax) return { events, next: page.next, isMore: page.isMore }
    place = page.next
  }
}
