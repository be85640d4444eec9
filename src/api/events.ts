/** GET /v1/events: the event log in pages, and a wait for what comes next. */
import { type Static, Type } from 'typebox'
import { encodeEventCursor } from '../platform/event-cursor.ts'
import { type EventCursor, endOfEventLog, startOfEventLog } from '../platform/event-log.ts'
import { readEvents } from '../platform/event-pages.ts'
import type { Wanted } from '../platform/event-subscription.ts'
import type { Platform } from '../platform/platform.ts'
import type { ShownEvent } from '../platform/public-event.ts'
import { callerOf } from './caller.ts'
import { type EventStreams, endWith } from './event-streams.ts'
import { EventView, eventQuery, placeOfCursor, wantedEvents } from './event-view.ts'
import { apiLimits } from './limits.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, OneOf, pageQuery } from './schemas.ts'

const EventsQuery = Type.Object(
  {
    ...eventQuery,
    limit: pageQuery.limit,
    from: Type.Optional(
      OneOf(
        ['end', 'start'],
        'Where to begin without a cursor: `end` is now, `start` the oldest event that is kept. Default: `end`.',
      ),
    ),
    wait: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: apiLimits.eventWaitSecondsMax,
        description: 'If there is nothing to show: how many seconds to wait for it. Default: 0.',
      }),
    ),
  },
  closed,
)

const EventsPage = Type.Object({
  data: Type.Array(EventView),
  next_cursor: Type.String({
    description: 'Where to go on. It is always there: what has not happened yet comes on a later page.',
  }),
})

const limitDefault = 50

export function eventRoutes(app: Api, platform: Platform, streams: EventStreams): void {
  app.get(
    '/v1/events',
    {
      schema: {
        summary: 'Read the event log',
        description:
          'Oldest first, in one order for all readers, without gap or repeat. Events are kept for 7 days. A page may ' +
          'be short or empty although more follows, if little of much is asked for: go on with `next_cursor`.',
        tags: ['events'],
        querystring: EventsQuery,
        response: {
          200: EventsPage,
          ...readProblems('invalid_cursor', 'cursor_expired', 'mailbox_not_found', 'stream_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { query } = request
      const caller = callerOf(request)
      const wanted = await wantedEvents(platform, caller, query)
      const limit = query.limit ?? limitDefault
      const page = await firstPage(platform, wanted, query, limit)
      const waitSeconds = query.wait ?? 0
      if (page.events.length > 0 || page.isMore || waitSeconds === 0) return pageView(page.events, page.next)
      const subscription = streams.open(caller, wanted, page.next)
      endWith(reply.raw, subscription)
      try {
        const events = ((await subscription.next(waitSeconds * 1000)) ?? []).slice(0, limit)
        return pageView(events, events.at(-1)?.place ?? subscription.place())
      } finally {
        subscription.end()
      }
    },
  )
}

type Begun = { events: ShownEvent[]; next: EventCursor; isMore: boolean }

async function firstPage(
  platform: Platform,
  wanted: Wanted,
  { cursor, from }: Pick<Static<typeof EventsQuery>, 'cursor' | 'from'>,
  limit: number,
): Promise<Begun> {
  const now = platform.clock.now()
  if (cursor === undefined && from !== 'start') {
    return { events: [], next: await endOfEventLog(platform.db, now), isMore: false }
  }
  const after = cursor === undefined ? startOfEventLog : await placeOfCursor(platform, cursor)
  return await readEvents(platform.db, wanted, after, limit, now)
}

function pageView(events: readonly ShownEvent[], next: EventCursor): Static<typeof EventsPage> {
  return { data: events.map(({ event }) => event), next_cursor: encodeEventCursor(next) }
}
