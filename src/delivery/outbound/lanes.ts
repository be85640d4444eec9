/** Lanes: what this node has in hand for each place that mail goes to, and how that place has fared of late. */
import type { Job } from './claim.ts'
import type { Route } from './connect.ts'
import { type DestinationRule, destinationDefaults } from './destinations.ts'
import type { Relay } from './relays.ts'

export type Lane = {
  key: string
  route: Route
  /** By whose rule it goes: the domain, or the relay's host. */
  ruleName: string
  rule: DestinationRule
  pending: Job[]
  workers: number
  /** Fewer connections than the rule allows, because the place refused one more. */
  connectionsMax: number
  /** Whether a connection succeeded since the last failure: until then one is tried at a time. */
  isProven: boolean
  /** Connections that failed in a row. */
  failures: number
  /** By the platform's clock, in milliseconds: nothing is tried before. */
  blockedUntilMs: number
  /** When the minute began in which messages are counted, and how many there were. */
  windowStartMs: number
  windowCount: number
}

const windowMs = 60_000
// Beyond it lanes are forgotten that have nothing to do; those that are blocked are kept longest.
const lanesMax = 10_000

export type Lanes = {
  all(): Iterable<Lane>
  get(key: string): Lane | undefined
  of(route: Route): Lane
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  return {
    all: () => lanes.values(),
    get: (key) => lanes.get(key),
    of(route) {
      const key = laneKey(route)
      const existing = lanes.get(key)
      if (existing) {
        existing.route = route // a relay's password may have changed
        return existing
      }
      if (lanes.size >= lanesMax) forget(lanes)
      const lane = newLane(key, route)
      lanes.set(key, lane)
      return lane
    },
  }
}

export function mxLaneKey(domain: string): string {
  return `mx ${domain}`
}

function laneKey(route: Route): string {
  return route.kind === 'mx' ? mxLaneKey(route.domain) : `relay ${route.relays.map(relayKey).join(' ')}`
}

function relayKey({ id, host, port }: Relay): string {
  return `${id ?? 'platform'}@${host}:${port}`
}

function newLane(key: string, route: Route): Lane {
  return {
    key,
    route,
    ruleName: route.kind === 'mx' ? route.domain : (route.relays[0]?.host ?? ''),
    rule: destinationDefaults,
    pending: [],
    workers: 0,
    connectionsMax: Number.POSITIVE_INFINITY,
    isProven: false,
    failures: 0,
    blockedUntilMs: 0,
    windowStartMs: 0,
    windowCount: 0,
  }
}

function forget(lanes: Map<string, Lane>): void {
  const idle = [...lanes.values()].filter((lane) => lane.pending.length === 0 && lane.workers === 0)
  const order = idle.sort((a, b) => a.blockedUntilMs - b.blockedUntilMs)
  for (const { key } of order.slice(0, lanesMax / 10)) lanes.delete(key)
}

// A connection more for so many messages that wait.
const pendingPerConnection = 8

/** Connections that a lane should have at work now. */
export function wantedWorkers(lane: Lane): number {
  if (lane.pending.length === 0) return lane.workers
  if (!lane.isProven) return 1
  const useful = lane.workers + Math.ceil(lane.pending.length / pendingPerConnection)
  return Math.min(lane.rule.connectionsMax, lane.connectionsMax, useful)
}

/** Messages that a lane may still begin in this minute. */
export function rateLeft(lane: Lane, nowMs: number): number {
  const limit = lane.rule.messagesPerMinuteMax
  if (limit === null) return Number.POSITIVE_INFINITY
  if (nowMs - lane.windowStartMs >= windowMs) {
    lane.windowStartMs = nowMs
    lane.windowCount = 0
  }
  return limit - lane.windowCount
}
