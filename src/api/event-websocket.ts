/** GET /v1/events/websocket: events as they happen, each a text message over a WebSocket (RFC 6455). */
import { Type } from 'typebox'
import { WebSocket, WebSocketServer } from 'ws'
import { Refusal } from '../platform/errors.ts'
import { encodeEventCursor } from '../platform/event-cursor.ts'
import type { EventSubscription } from '../platform/event-subscription.ts'
import type { Platform } from '../platform/platform.ts'
import type { ShownEvent } from '../platform/public-event.ts'
import { callerOf } from './caller.ts'
import { type EventStreams, endWith } from './event-streams.ts'
import { eventQuery, placeOfCursor, wantedEvents } from './event-view.ts'
import { apiLimits } from './limits.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'
import { asksForUpgrade, takeUpgrade, webSocketPath } from './upgrades.ts'

const SwitchingReply = Type.Unsafe<unknown>({
  description:
    'The connection is a WebSocket now. The first message is `{"type": "hello", "cursor": "…"}`; then each event is ' +
    'one message, an Event as JSON. Without events `{"type": "cursor", "cursor": "…"}` comes from time to time.',
  content: { 'application/json': { schema: { type: 'string' } } },
})

/** RFC 6455 §7.4.1. */
const closeCodes = { goingAway: 1001 } as const
/** For the other side's part of the closing handshake; a stop of the node waits for it. */
const closeMsMax = 2_000

export function eventWebSocketRoute(app: Api, platform: Platform, streams: EventStreams): void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: apiLimits.webSocketBytesMax,
    perMessageDeflate: false,
    // The other name that a browser gives is its key.
    handleProtocols: (protocols) => (protocols.has('bearer') ? 'bearer' : false),
  })
  app.get(
    webSocketPath,
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'Follow the event log over a WebSocket',
        description:
          'Begins behind `cursor`, else now. The key comes in `Authorization` or, from a browser, as the second of two ' +
          'protocols: `new WebSocket(url, ["bearer", key])`.',
        tags: ['events'],
        querystring: Type.Object(eventQuery, closed),
        response: {
          101: SwitchingReply,
          ...readProblems(
            'invalid_cursor',
            'cursor_expired',
            'mailbox_not_found',
            'stream_limit_reached',
            'websocket_expected',
          ),
        },
      },
    },
    async (request, reply) => {
      if (!asksForUpgrade(request.raw)) {
        void reply.headers({ upgrade: 'websocket', connection: 'upgrade' }) // RFC 9110 §15.5.22
        throw new Refusal('websocket_expected')
      }
      const caller = callerOf(request)
      const { cursor } = request.query
      const wanted = await wantedEvents(platform, caller, request.query)
      const after = cursor === undefined ? null : await placeOfCursor(platform, cursor)
      const subscription = streams.open(caller, wanted, after)
      endWith(request.raw.socket, subscription)
      try {
        if (!(await subscription.ready())) throw new Refusal('shutting_down')
      } catch (error) {
        subscription.end()
        throw error
      }
      const { socket: connection, head } = takeUpgrade(request.raw)
      reply.hijack()
      server.handleUpgrade(request.raw, connection, head, (socket) => {
        send(socket, subscription, streams.limits.heartbeatMs)
          .catch((cause: unknown) => platform.log.warn({ event: 'event_websocket.failed', cause }))
          .finally(() => {
            subscription.end()
            close(socket)
          })
      })
    },
  )
}

function close(socket: WebSocket): void {
  const late = setTimeout(() => socket.terminate(), closeMsMax).unref()
  socket.once('close', () => clearTimeout(late))
  socket.close(closeCodes.goingAway, 'come again with the last cursor')
}

/** Sends events until either side ends, no faster than the client reads. */
async function send(socket: WebSocket, subscription: EventSubscription, heartbeatMs: number): Promise<void> {
  let isAlive = true
  socket.on('pong', () => {
    isAlive = true
  })
  socket.on('error', () => socket.terminate())
  const beat = setInterval(() => {
    if (!isAlive) return socket.terminate()
    isAlive = false
    socket.ping()
  }, heartbeatMs)
  try {
    if (!(await sent(socket, noted('hello', subscription)))) return
    for (;;) {
      const events = await subscription.next(heartbeatMs)
      if (events === null) return
      if (events.length === 0 && !(await sent(socket, noted('cursor', subscription)))) return
      for (const event of events) if (!(await sent(socket, messageOf(event)))) return
    }
  } finally {
    clearInterval(beat)
  }
}

function noted(type: 'hello' | 'cursor', subscription: EventSubscription): string {
  return JSON.stringify({ type, cursor: encodeEventCursor(subscription.place()) })
}

const messages = new WeakMap<ShownEvent, Buffer>()

/** Made once for all clients. */
function messageOf(shown: ShownEvent): Buffer {
  const known = messages.get(shown)
  if (known !== undefined) return known
  const message = Buffer.from(shown.json)
  messages.set(shown, message)
  return message
}

/** Resolves when the message has left. @returns false when it cannot. */
function sent(socket: WebSocket, message: Buffer | string): Promise<boolean> {
  if (socket.readyState !== WebSocket.OPEN) return Promise.resolve(false)
  return new Promise((resolve) => {
    socket.send(message, { binary: false }, (error) => resolve(error === undefined || error === null))
  })
}
