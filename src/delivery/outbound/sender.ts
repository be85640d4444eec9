/**
 * The sender of a node: claims what is due into lanes, one for each destination or relay, and lets workers empty them,
 * each over one connection. Everything that is taken is bounded; what became of it is written by the completion lane.
 */
import type { Platform } from '../../platform/platform.ts'
import { claimDue, type Job, nextDue } from './claim.ts'
import { startCompletionLane } from './completions.ts'
import { destinationRuleOf } from './destinations.ts'
import { createLanes, type Lane, mxLaneKey, rateLeft, wantedWorkers } from './lanes.ts'
import { createLedger } from './ledger.ts'
import { startNodeLease } from './node-lease.ts'
import { createSessionPool } from './pool.ts'
import { startQueueGauge } from './queue-gauge.ts'
import { relaysFor } from './relays.ts'
import type { SenderState } from './sender-state.ts'
import { createSignal } from './signal.ts'
import { rfcTimeouts, type SmtpTimeouts } from './smtp-client/session.ts'
import { createWorker, type Work } from './worker.ts'

/** For tests: shorter waits, and authorities that only they know. */
export type OutboundOptions = { timeouts?: Partial<SmtpTimeouts>; ca?: string; drainMs?: number }

const rowsMax = 1000
const rowsPerDomainMax = 100
// Of a destination that has not been reached yet: should it be dead, it holds no more of the memory than this.
const rowsPerNewDomain = 10
const batchMin = 50
const pollMs = 1_000
const claimIntervalMs = 20
const drainMsMax = 10_000

export type Outbound = { stop(): Promise<void> }

/** Starts sending what is in the queue. */
export async function startOutbound(platform: Platform, options: OutboundOptions = {}): Promise<Outbound> {
  const signal = createSignal()
  let onRoom = (): void => undefined
  const state: SenderState = {
    platform,
    context: {
      platform,
      timeouts: { ...rfcTimeouts, ...options.timeouts },
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    },
    lanes: createLanes(),
    ledger: createLedger(),
    pool: createSessionPool(() => onRoom()),
    completions: startCompletionLane(platform),
    lease: await startNodeLease(platform, () => signal.wake()),
    signal,
    isStopping: false,
  }
  const work = createWorker(state)
  const dispatch = createDispatcher(state, work)
  onRoom = dispatch.waiting
  work.onDone = (lane) => {
    dispatch.lane(lane)
    dispatch.waiting()
  }
  const unsubscribe = platform.bus.subscribe(({ type, data }) => {
    if (type === 'message.retried' || type === 'message.released') unblock(state, data)
    if (type === 'message.queued' || type === 'message.retried' || type === 'message.released') signal.wake()
  })
  const gauge = startQueueGauge(platform)
  const running = runClaims(state, dispatch)
  return {
    async stop() {
      state.isStopping = true
      unsubscribe()
      gauge.stop()
      signal.wake()
      await running
      await work.drain(options.drainMs ?? drainMsMax)
      state.pool.stop()
      await state.completions.stop()
      await state.lease.stop()
    },
  }
}

/** Someone wants it tried at once. */
function unblock({ lanes }: SenderState, data: unknown): void {
  if (typeof data !== 'object' || data === null || !('rcpt_to' in data)) return
  const address = String(data.rcpt_to)
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  for (const lane of lanes.all()) {
    if (lane.route.kind === 'relay' || lane.route.domain === domain) lane.blockedUntilMs = 0
  }
}

type Dispatcher = {
  lane(lane: Lane): void
  /** Those that waited for a connection to become free, and those whose time has come. */
  waiting(): void
}

function createDispatcher(state: SenderState, work: Work): Dispatcher {
  const { platform, pool } = state
  const connectionsMax = platform.config.outboundConnections
  // Places that failed the last time may hang again: they get a part of the connections only.
  const suspectsMax = Math.max(1, Math.floor(connectionsMax / 5))
  const waiting = new Set<Lane>()

  const begin = (lane: Lane): boolean => {
    const isSuspect = !lane.isProven && lane.failures > 0
    if (isSuspect && work.suspects >= suspectsMax) return false
    const pooled = pool.take(lane.key)
    const isFull = pooled === null && work.active + pool.size >= connectionsMax
    // An idle connection gives way to a place that has none, not to one that wants more.
    if (isFull && (lane.workers > 0 || !pool.evict())) return false
    work.start(lane, pooled)
    return true
  }
  const dispatch = (lane: Lane): void => {
    waiting.delete(lane)
    if (state.isStopping) return
    const nowMs = platform.clock.now().getTime()
    if (lane.blockedUntilMs > nowMs || rateLeft(lane, nowMs) <= 0 || !state.lease.isFresh()) {
      if (lane.pending.length > 0) waiting.add(lane)
      return
    }
    while (lane.pending.length > 0 && lane.workers < wantedWorkers(lane)) {
      if (begin(lane)) continue
      waiting.add(lane)
      return
    }
  }
  return {
    lane: dispatch,
    waiting: () => {
      for (const lane of [...waiting]) dispatch(lane)
    },
  }
}

/** Claims until the node stops. */
async function runClaims(state: SenderState, dispatch: Dispatcher): Promise<void> {
  const { platform, signal, lease } = state
  let cursor = ''
  while (!state.isStopping) {
    try {
      if (state.ledger.rows > rowsMax - batchMin || !lease.isFresh()) {
        await signal.wait(pollMs)
        dispatch.waiting()
        continue
      }
      const startedAt = performance.now()
      const from = cursor
      const claim = await claimDue(platform.db, {
        nodeId: platform.nodeId,
        now: platform.clock.now(),
        after: from,
        rowsMax: rowsMax - state.ledger.rows,
        rowsPerDomain: newDomainRows(state),
        rooms: roomsOf(state),
      })
      cursor = claim.cursor
      await admit(state, claim.jobs, dispatch)
      dispatch.waiting()
      if (claim.rows === 0 && cursor === '' && from === '') await idle(state, dispatch)
      else if (claim.rows > 0) await pause(claimIntervalMs - (performance.now() - startedAt))
    } catch (error) {
      platform.log.error({ event: 'outbound.claim_failed', cause: error })
      await signal.wait(pollMs)
    }
  }
}

/** Waits until there may be something to claim: an event says so, room has become free, or the time has come. */
async function idle(state: SenderState, dispatch: Dispatcher): Promise<void> {
  while (!state.isStopping) {
    if (await state.signal.wait(pollMs)) return
    dispatch.waiting()
    const due = await nextDue(state.platform.db)
    if (due !== null && due <= state.platform.clock.now()) return
  }
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}

/** When most of what is in hand waits for places that do not answer, new ones get in one by one. */
function newDomainRows({ ledger }: SenderState): number {
  return ledger.rows > rowsMax / 2 ? 1 : rowsPerNewDomain
}

/** How many more of each domain in hand; of those that are at a limit none. */
function roomsOf(state: SenderState): Map<string, number> {
  const rooms = new Map<string, number>()
  const nowMs = state.platform.clock.now().getTime()
  for (const domain of state.ledger.domains()) {
    const lane = state.lanes.get(mxLaneKey(domain))
    const most = lane === undefined || lane.isProven ? rowsPerDomainMax : rowsPerNewDomain
    rooms.set(domain, Math.max(0, most - state.ledger.rowsOf(domain)))
  }
  for (const lane of state.lanes.all()) {
    if (lane.route.kind !== 'mx') continue
    const left = lane.blockedUntilMs > nowMs ? 0 : rateLeft(lane, nowMs) - lane.pending.length
    const room = rooms.get(lane.route.domain) ?? rowsPerNewDomain
    if (left < room) rooms.set(lane.route.domain, Math.max(0, left))
  }
  return rooms
}

/** Puts what was claimed into its lanes. */
async function admit(state: SenderState, jobs: readonly Job[], dispatch: Dispatcher): Promise<void> {
  const { platform, lanes, ledger } = state
  const touched = new Set<Lane>()
  for (const job of jobs) ledger.add(job)
  for (const job of jobs) {
    const domain = job.recipients[0]?.domain ?? ''
    const relays = await relaysFor(platform, job.message, domain)
    const lane = lanes.of(relays.length > 0 ? { kind: 'relay', relays } : { kind: 'mx', domain })
    lane.rule = await destinationRuleOf(platform, lane.ruleName)
    for (let at = 0; at < job.recipients.length; at += lane.rule.recipientsPerMessageMax) {
      const recipients = job.recipients.slice(at, at + lane.rule.recipientsPerMessageMax)
      lane.pending.push({ message: job.message, recipients })
    }
    touched.add(lane)
  }
  for (const lane of touched) dispatch.lane(lane)
}
