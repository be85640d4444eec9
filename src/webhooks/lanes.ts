/** What a node has in hand for each endpoint. */
import type { ClaimedWebhook, Job } from './claim.ts'
import type { Endpoint } from './endpoint.ts'
import { webhookPolicy } from './policy.ts'

export type Lane = {
  webhookId: string
  endpoint: Endpoint | null
  /** Claimed and not begun. */
  pending: Job[]
  running: number
  /** Done, and not written down yet. */
  writing: number
  /** Behind each other, those of other nodes included; of those at the same moment not all. */
  failures: number
  /** When it was taken for dead the last time. */
  openedAtMs: number
  blockedUntilMs: number
  /** Whether it took something since it failed the last time. */
  isProven: boolean
  /** The last claim brought as many as were asked for. */
  mayHaveMore: boolean
}

export type Lanes = {
  of(webhook: ClaimedWebhook): Lane
  /** How many more of each in hand; webhooks that it does not name may have `roomOfNew`. */
  rooms(nowMs: number): Map<string, number>
  readonly roomOfNew: number
  /** Forgets what an endpoint did. */
  unblock(webhookId: string): void
  /** Forgets those that have nothing. */
  sweep(): void
  all(): Iterable<Lane>
}

// Of an endpoint that answers, so that there is always one more at hand when one is done.
const roomFactor = 8
const idleLanesMax = 2_000

export function createLanes(concurrency: number): Lanes {
  const lanes = new Map<string, Lane>()
  return {
    of({ id, failures }) {
      const lane = lanes.get(id) ?? {
        webhookId: id,
        endpoint: null,
        pending: [],
        running: 0,
        writing: 0,
        failures,
        blockedUntilMs: 0,
        openedAtMs: 0,
        isProven: false,
        mayHaveMore: false,
      }
      if (heldBy(lane) === 0) lane.failures = failures
      lanes.set(id, lane)
      return lane
    },
    roomOfNew: concurrency,
    rooms(nowMs) {
      const rooms = new Map<string, number>()
      for (const lane of lanes.values()) {
        const held = heldBy(lane)
        if (lane.blockedUntilMs > nowMs) rooms.set(lane.webhookId, 0)
        else if (isOpen(lane)) rooms.set(lane.webhookId, held > 0 ? 0 : 1)
        else if (held > 0 || lane.mayHaveMore) {
          rooms.set(lane.webhookId, Math.max(0, concurrency * (lane.isProven ? roomFactor : 1) - held))
        }
      }
      return rooms
    },
    unblock(webhookId) {
      const lane = lanes.get(webhookId)
      if (lane) Object.assign(lane, { blockedUntilMs: 0, failures: 0 })
    },
    sweep() {
      if (lanes.size <= idleLanesMax) return
      for (const [id, lane] of lanes) if (heldBy(lane) === 0) lanes.delete(id)
    },
    all: () => lanes.values(),
  }
}

export function heldBy({ pending, running, writing }: Lane): number {
  return pending.length + running + writing
}

/** Whether the endpoint is taken for dead: it gets one at a time, to see. */
export function isOpen({ failures }: Pick<Lane, 'failures'>): boolean {
  return failures >= webhookPolicy.failuresUntilBlocked
}
