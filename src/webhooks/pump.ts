/**
 * The pump of a node: claims what is due into lanes, one for each endpoint, and sends. No endpoint has more than its
 * part of the connections and of the memory, and one that is dead gets one request at a time, with waits between.
 */
import { createSignal } from '../delivery/outbound/signal.ts'
import type { Platform } from '../platform/platform.ts'
import { beforeAllIds, type Claim, claimDue, type Job } from './claim.ts'
import { type CompletionLane, type Outcome, startCompletionLane } from './completions.ts'
import { bodyOf, type Endpoint, readEndpoints, requestHeaders } from './endpoint.ts'
import { createLanes, heldBy, isOpen, type Lane, type Lanes } from './lanes.ts'
import { blockMs, judge } from './outcome.ts'
import { createPoster, type Poster } from './post.ts'

export type Pump = {
  /** There may be something to send. */
  wake(): void
  /** An endpoint is tried at once, whatever it did before: its owner has changed something. */
  unblock(webhookId: string): void
  stop(): Promise<void>
}

const pollMs = 500
const claimIntervalMs = 10
/** A delivery that was claimed and waits for its turn is held for so many times the timeout of a request. */
const holdFactor = 3

type State = {
  platform: Platform
  poster: Poster
  completions: CompletionLane
  lanes: Lanes
  /** Lanes that have something to begin, in the order in which it is their turn. */
  waiting: Set<Lane>
  running: Set<Promise<void>>
  /** Deliveries in hand, and how many there may be. */
  inHand: number
  inHandMax: number
  /** No more is claimed until some of it is done. */
  isFull: boolean
  isStopping: boolean
  wake(): void
}

export function startPump(platform: Platform): Pump {
  const { config, dns } = platform
  const signal = createSignal()
  const state: State = {
    platform,
    poster: createPoster(config, dns),
    completions: startCompletionLane(platform),
    lanes: createLanes(config.webhookConcurrency),
    waiting: new Set(),
    running: new Set(),
    inHand: 0,
    inHandMax: config.webhookConnections * 4,
    isFull: false,
    isStopping: false,
    wake: signal.wake,
  }
  const claiming = runClaims(state, (ms) => signal.wait(ms))
  return {
    wake: signal.wake,
    unblock(webhookId) {
      state.lanes.unblock(webhookId)
      signal.wake()
    },
    async stop() {
      state.isStopping = true
      signal.wake()
      await claiming
      for (const lane of state.lanes.all()) letGo(state, lane)
      await Promise.allSettled(state.running) // each ends within the timeout of a request
      await state.completions.stop()
      state.poster.stop()
    },
  }
}

async function runClaims(state: State, wait: (ms: number) => Promise<boolean>): Promise<void> {
  const { platform, lanes } = state
  let after = beforeAllIds
  let claimedInRound = 0
  while (!state.isStopping) {
    try {
      const now = platform.clock.now()
      const room = state.inHandMax - state.inHand
      state.isFull = room <= state.inHandMax / 10
      if (state.isFull) {
        await wait(pollMs)
        continue
      }
      const rooms = lanes.rooms(now.getTime())
      const claim = await claimDue(platform.db, {
        now,
        holdMs: platform.config.webhookTimeout * 1000 * holdFactor,
        after,
        rowsMax: room,
        rowsPerWebhook: lanes.roomOfNew,
        rooms,
      })
      after = claim.cursor ?? beforeAllIds
      claimedInRound += claim.jobs.length
      await admit(state, claim, rooms)
      const isIdle = claim.cursor === null && claimedInRound === 0
      if (claim.cursor === null) claimedInRound = 0
      if (isIdle) await wait(pollMs)
      else await new Promise((resolve) => setTimeout(resolve, claimIntervalMs))
    } catch (error) {
      platform.log.error({ event: 'webhooks.claim_failed', cause: error })
      await wait(pollMs)
    }
  }
}

/** Puts what was claimed into its lanes. @param rooms what was asked for. */
async function admit(state: State, claim: Claim, rooms: ReadonlyMap<string, number>): Promise<void> {
  const { lanes, platform } = state
  const byWebhook = Map.groupBy(claim.jobs, ({ webhookId }) => webhookId)
  const chosen = claim.webhooks.map((webhook) => ({ webhook, lane: lanes.of(webhook) }))
  const stale = chosen.filter(({ webhook, lane }) => lane.endpoint?.version !== webhook.version)
  const endpoints = await readEndpoints(
    platform,
    stale.map(({ webhook }) => webhook.id),
  )
  for (const { webhook } of stale) {
    const lane = lanes.of(webhook)
    lane.endpoint = endpoints.get(webhook.id) ?? null
    lane.blockedUntilMs = 0
  }
  for (const { webhook, lane } of chosen) {
    const jobs = byWebhook.get(webhook.id) ?? []
    lane.mayHaveMore = jobs.length >= (rooms.get(webhook.id) ?? lanes.roomOfNew)
    lane.pending.push(...jobs)
    state.inHand += jobs.length
    state.waiting.add(lane)
  }
  dispatch(state)
  lanes.sweep()
}

/** Begins what may begin, one of each lane in turn: who has much to send does not keep others from a connection. */
function dispatch(state: State): void {
  const { platform, waiting, running } = state
  for (const lane of waiting) {
    if (state.isStopping || running.size >= platform.config.webhookConnections) return
    waiting.delete(lane)
    const atOnceMax = isOpen(lane) ? 1 : platform.config.webhookConcurrency
    const job = lane.running < atOnceMax ? lane.pending.shift() : undefined
    if (job === undefined) continue // it is its turn again when one of its requests ends
    begin(state, lane, job)
    waiting.add(lane) // behind the others, and the loop comes to it again
  }
}

function begin(state: State, lane: Lane, job: Job): void {
  const { platform, running, waiting } = state
  const { endpoint } = lane
  const leftMs = job.heldUntil.getTime() - platform.clock.now().getTime()
  if (endpoint === null || leftMs < platform.config.webhookTimeout * 1000) {
    state.inHand-- // it is due again by itself, here or elsewhere
    return
  }
  lane.running++
  const work: Promise<void> = send(state, lane, endpoint, job).finally(() => {
    running.delete(work)
    lane.running--
    waiting.add(lane)
    dispatch(state)
    if (lane.mayHaveMore && heldBy(lane) <= platform.config.webhookConcurrency) state.wake()
  })
  running.add(work)
}

async function send(state: State, lane: Lane, endpoint: Endpoint, job: Job): Promise<void> {
  const { platform, poster } = state
  const body = await readBody(platform, endpoint, job)
  if (body === null) {
    state.inHand-- // it is due again when its time here is over, and not at once
    return
  }
  const at = platform.clock.now()
  const { sent, shown } = requestHeaders(endpoint, job.id, at, body)
  const result = await poster.post(endpoint.url, sent, Buffer.from(body))
  const now = platform.clock.now()
  const verdict = judge(platform.config, result, {
    attempts: job.attempts + 1,
    expiresAt: job.expiresAt,
    now,
  })
  const isSuccess = verdict.state === 'delivered'
  const blockedUntil = noteHealth(state, lane, at, isSuccess, verdict.restUntil)
  const { isGone, error } = verdict
  const { webhookId, failures } = lane
  const health = { webhookId, failures, isSuccess, isGone, blockedUntil, error }
  const logged = endpoint.formatted === null ? {} : { logged: { webhookId, isReplay: false } }
  const attempt = { at, url: endpoint.url, headers: shown, result, ...logged }
  platform.metrics.webhookAttempts.inc({
    result: isSuccess ? 'delivered' : verdict.state === 'queued' ? 'retried' : 'failed',
  })
  complete(state, lane, { job, attempted: { attempt, verdict, health } })
}

/** @returns null when it cannot be told what is to be put in. */
async function readBody(platform: Platform, endpoint: Endpoint, job: Job): Promise<string | null> {
  try {
    return await bodyOf(platform, endpoint, job.payload)
  } catch (error) {
    platform.log.error({ event: 'webhooks.body_failed', delivery_id: job.id, cause: error })
    return null
  }
}

/**
 * Requests that were under way when the endpoint was taken for dead say nothing new when they fail, too.
 * @param at when the attempt began.
 * @returns until when the endpoint is left alone.
 */
function noteHealth(
  state: State,
  lane: Lane,
  at: Date,
  isSuccess: boolean,
  restUntil: Date | null,
): Date | null {
  if (isSuccess) {
    Object.assign(lane, { failures: 0, blockedUntilMs: 0, isProven: true })
    return null
  }
  const nowMs = state.platform.clock.now().getTime()
  const isNews = !isOpen(lane) || at.getTime() >= lane.openedAtMs
  if (isNews) lane.failures++
  const blockedMs = isNews ? blockMs(lane.failures) : 0
  if (blockedMs > 0) lane.openedAtMs = nowMs
  lane.blockedUntilMs = Math.max(lane.blockedUntilMs, nowMs + blockedMs, restUntil?.getTime() ?? 0)
  if (lane.blockedUntilMs <= nowMs) return null
  lane.isProven = false
  letGo(state, lane)
  return new Date(lane.blockedUntilMs)
}

/** Gives back what has not begun. */
function letGo(state: State, lane: Lane): void {
  for (const job of lane.pending.splice(0)) complete(state, lane, { job, attempted: null })
}

/** Has it written down; until then it counts as in hand. */
function complete(state: State, lane: Lane, outcome: Outcome): void {
  lane.writing++
  void state.completions.add(outcome).then(() => {
    lane.writing--
    state.inHand--
    const hasRoom = state.isFull && state.inHand <= state.inHandMax / 2
    if (hasRoom || (lane.mayHaveMore && heldBy(lane) === 0)) state.wake()
  })
}
