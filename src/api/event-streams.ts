/** Everyone who waits for events over HTTP: bounded in number, and ended with the key that they came with. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Principal } from '../accounts/principals.ts'
import { createCache } from '../platform/cache.ts'
import { Refusal } from '../platform/errors.ts'
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { EventCursor } from '../platform/event-log.ts'
import type { EventSubscription, Wanted } from '../platform/event-subscription.ts'
import { startEventTail } from '../platform/event-tail.ts'
import type { Platform } from '../platform/platform.ts'
import type { Caller } from './caller.ts'
import { apiLimits } from './limits.ts'

export type EventStreamLimits = {
  /** Open streams and waiting requests of one caller, and of all. */
  perCallerMax: number
  perNodeMax: number
  /** A stream without events says so often that it is alive. */
  heartbeatMs: number
  /** How long a client may leave what was sent to it. */
  stallMs: number
}

export type EventStreams = {
  limits: EventStreamLimits
  /**
   * Follows the log for a caller until it ends, or its key does.
   * @param after null: from now on.
   * @throws Refusal unauthenticated where that was while the request was looked at; stream_limit_reached,
   *   shutting_down.
   */
  open(caller: Caller, wanted: Wanted, after: EventCursor | null): EventSubscription
  /** Ends all, for good. */
  stop(): Promise<void>
}

type Stream = { principal: Principal; wanted: Wanted; subscription: EventSubscription }

const expiryCheckMs = 5_000
/** Of whom it is remembered that they are gone, for longer than a request is looked at. */
const gone = { entriesMax: 10_000, ttlMs: 300_000 } as const

export function startEventStreams(
  platform: Platform,
  limits: EventStreamLimits = apiLimits.eventStreams,
): EventStreams {
  const tail = startEventTail(platform)
  const streams = new Set<Stream>()
  const perCaller = new Map<string, number>()
  const revoked = createCache<true>(gone)
  let isStopped = false

  const endIf = (isOver: (stream: Stream) => boolean): void => {
    for (const stream of streams) if (isOver(stream)) stream.subscription.end()
  }
  const unsubscribe = platform.bus.subscribe((event) => {
    if (!ending.has(event.type)) return
    const id = revokedBy(event)
    if (id !== null) revoked.set(id, true)
    endIf((stream) => isEndedBy(event, stream))
  })
  const timer = setInterval(() => {
    const now = platform.clock.now()
    endIf(({ principal: { expiresAt } }) => expiresAt !== null && expiresAt <= now)
  }, expiryCheckMs).unref()

  return {
    limits,
    open({ principal }, wanted, after) {
      if (isStopped) throw new Refusal('shutting_down')
      // Its streams were ended before this one was among them, which nobody would end.
      if (revoked.get(principal.id) === true) throw new Refusal('unauthenticated')
      const count = perCaller.get(principal.id) ?? 0
      if (streams.size >= limits.perNodeMax || count >= limits.perCallerMax)
        throw new Refusal('stream_limit_reached')
      perCaller.set(principal.id, count + 1)
      const opened = tail.subscribe(wanted, after)
      const subscription = {
        ...opened,
        end() {
          opened.end()
          if (!streams.delete(stream)) return
          const left = (perCaller.get(principal.id) ?? 1) - 1
          if (left > 0) perCaller.set(principal.id, left)
          else perCaller.delete(principal.id)
        },
      }
      const stream = { principal, wanted, subscription }
      streams.add(stream)
      return subscription
    },
    async stop() {
      isStopped = true
      unsubscribe()
      clearInterval(timer)
      endIf(() => true)
      await tail.stop()
    },
  }
}

/** Ends a subscription with the connection that it is for, also where that closed while the request was looked at. */
export function endWith(connection: Socket | ServerResponse, subscription: EventSubscription): void {
  if (connection.closed) subscription.end()
  else connection.once('close', () => subscription.end())
}

const appPasswordEvents = [
  'mailbox.app_password_updated',
  'mailbox.app_password_revoked',
  'mailbox.app_password_expired',
]

const ending: ReadonlySet<string> = new Set([
  'api_key.revoked',
  'session.ended',
  'user.deleted',
  'member.updated',
  'member.removed',
  'workspace.deleted',
  'mailbox.state_changed',
  'mailbox.logins_ended',
  ...appPasswordEvents,
])

/** Whose credential an event says to be gone for good. */
function revokedBy(event: PublishedEvent): string | null {
  const names: Readonly<Record<string, string>> = {
    'api_key.revoked': 'api_key_id',
    'session.ended': 'session_id',
    'mailbox.app_password_revoked': 'app_password_id',
    'mailbox.app_password_expired': 'app_password_id',
  }
  const id = named(event, names[event.type] ?? '')
  return typeof id === 'string' ? id : null
}

function named({ data }: PublishedEvent, name: string): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined
}

/** Whether what its caller may has changed: whoever still may, comes again with the last cursor. */
function isEndedBy(event: PublishedEvent, { principal, wanted }: Stream): boolean {
  if (event.organizationId !== principal.organizationId) return false
  switch (event.type) {
    case 'api_key.revoked':
      return named(event, 'api_key_id') === principal.id
    case 'session.ended':
      return named(event, 'session_id') === principal.id
    case 'user.deleted':
    case 'member.updated':
    case 'member.removed':
      return principal.userId !== null && named(event, 'user_id') === principal.userId
    case 'workspace.deleted': {
      const id = named(event, 'workspace_id')
      return id === principal.workspaceId || ('workspaceId' in wanted.of && id === wanted.of.workspaceId)
    }
    case 'mailbox.state_changed':
    case 'mailbox.logins_ended':
      return principal.kind === 'app_password' && event.mailboxId === principal.mailboxId
    default:
      return named(event, 'app_password_id') === principal.id
  }
}
