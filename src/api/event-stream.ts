/** GET /v1/events/stream: events as they happen, as server-sent events (HTML Living Standard §9.2). */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { Refusal } from '../platform/errors.ts'
import { encodeEventCursor } from '../platform/event-cursor.ts'
import type { EventSubscription } from '../platform/event-subscription.ts'
import type { Platform } from '../platform/platform.ts'
import type { ShownEvent } from '../platform/public-event.ts'
import { callerOf } from './caller.ts'
import { type EventStreamLimits, type EventStreams, endWith } from './event-streams.ts'
import { eventQuery, placeOfCursor, wantedEvents } from './event-view.ts'
import { apiLimits } from './limits.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'

const mediaType = 'text/event-stream'

const StreamHeaders = Type.Object({
  'Mailwright-Workspace': Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'The workspace that the call is about. Default: the key’s own.',
    }),
  ),
  'Last-Event-ID': Type.Optional(
    Type.String({ maxLength: 64, description: 'The `id` of the last event seen: it goes on behind it.' }),
  ),
})

const StreamReply = Type.Unsafe<unknown>({
  description: 'Each event with its cursor as `id`, its type as `event` and an Event as `data`.',
  content: { [mediaType]: { schema: { type: 'string' } } },
})

export function eventStreamRoute(app: Api, platform: Platform, streams: EventStreams): void {
  app.get(
    '/v1/events/stream',
    {
      exposeHeadRoute: false, // there would be nothing to wait for
      schema: {
        summary: 'Follow the event log as server-sent events',
        description:
          'Begins behind `Last-Event-ID` or `cursor`, else now. A client that reconnects with the last `id` misses ' +
          'nothing and sees nothing twice.',
        tags: ['events'],
        querystring: Type.Object(eventQuery, closed),
        response: {
          200: StreamReply,
          ...readProblems('invalid_cursor', 'cursor_expired', 'mailbox_not_found', 'stream_limit_reached'),
        },
      },
      config: { documented: { headers: StreamHeaders } },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const wanted = await wantedEvents(platform, caller, request.query)
      const header = request.headers['last-event-id']
      const cursor = typeof header === 'string' && header !== '' ? header : request.query.cursor
      const after = cursor === undefined ? null : await placeOfCursor(platform, cursor)
      const subscription = streams.open(caller, wanted, after)
      endWith(reply.raw, subscription)
      try {
        if (!(await subscription.ready())) throw new Refusal('shutting_down')
      } catch (error) {
        subscription.end()
        throw error
      }
      begin(reply)
      await send(reply.raw, subscription, streams.limits).catch((cause: unknown) =>
        platform.log.warn({ event: 'event_stream.failed', cause }),
      )
      subscription.end()
      reply.raw.end()
    },
  )
}

function begin(reply: FastifyReply): void {
  void reply.headers({
    'content-type': mediaType,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no', // what stands in front must not collect events
  })
  reply.hijack()
  reply.raw.writeHead(
    200,
    Object.entries(reply.getHeaders()).flatMap(([name, value]) => [name, String(value)]),
  )
  reply.raw.write(`retry: ${apiLimits.eventRetryMs}\n\n`)
}

/** Writes events until either side ends, no faster than the client reads. */
async function send(
  response: ServerResponse,
  subscription: EventSubscription,
  { heartbeatMs, stallMs }: EventStreamLimits,
): Promise<void> {
  response.write(idle(subscription))
  for (;;) {
    const events = await subscription.next(heartbeatMs)
    if (events === null) return
    const [only] = events
    const text =
      only === undefined
        ? idle(subscription)
        : events.length === 1
          ? frameOf(only)
          : Buffer.concat(events.map(frameOf))
    if (!response.write(text) && !(await drained(response, stallMs))) return
  }
}

/** The place of who sees nothing moves on, too: an `id` without data sets the last event id and shows no event. */
function idle(subscription: EventSubscription): string {
  return `: idle\nid: ${encodeEventCursor(subscription.place())}\n\n`
}

const frames = new WeakMap<ShownEvent, Buffer>()

/** Made once for all clients. */
function frameOf(shown: ShownEvent): Buffer {
  const known = frames.get(shown)
  if (known !== undefined) return known
  const { cursor, type } = shown.event
  const frame = Buffer.from(`id: ${cursor}\nevent: ${type}\ndata: ${shown.json}\n\n`)
  frames.set(shown, frame)
  return frame
}

/** Waits until the client has taken what was written. @returns whether it did, within a bound. */
async function drained(response: ServerResponse, stallMs: number): Promise<boolean> {
  if (response.destroyed) return false
  return await new Promise((resolve) => {
    const done = (isDrained: boolean): void => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      response.off('close', onClose)
      resolve(isDrained)
    }
    const onDrain = (): void => done(true)
    const onClose = (): void => done(false)
    const timer = setTimeout(() => {
      response.destroy()
      done(false)
    }, stallMs)
    response.once('drain', onDrain)
    response.once('close', onClose)
  })
}
