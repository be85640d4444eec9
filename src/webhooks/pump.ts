/**
 * The pump of a node: claims what is due into lanes, one for each endpoint, and sends. No endpoint has more than its
 * part of the connections and of the memory, and one that is dead gets one request at a time, with waits between.
 */
import { createSignal } from '../delivery/outbound/signal.ts'
import type { Platform } from '../platform/platform.ts'
import { beforeAllIds, type Claim, claimDue, type Job } from './claim.ts'
import { type CompletionLane, type Outcome, startCompletionLane } from './completions.ts'
import { type Endpoint, readEndpoints, requestHeaders } from './endpoint.ts'
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
  /** Lanes that wait for a connection to become free, in turn. */
  waiting: Set<Lane>
  running: Set<Promise<void>>
  rowsMax: number
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
    rowsMax: config.webhookConnections * 4,
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
  while (!state.isStopping) {
    try {
      const now = platform.clock.now()
      const room = state.rowsMax - lanes.inHand
      if (room <= state.rowsMax / 10) {
        await wait(pollMs)
        continue
      }
      const claim = await claimDue(platform.db, {
        now,
        holdMs: platform.config.webhookTimeout * 1000 * holdFactor,
        after,
        rowsMax: room,
        rowsPerWebhook: lanes.roomOfNew,
        rooms: lanes.rooms(now.getTime()),
      })
      const isRoundOver = claim.cursor === null && after === beforeAllIds
      after = claim.cursor ?? beforeAllIds
      await admit(state, claim)
      if (claim.jobs.length === 0 && isRoundOver) await wait(pollMs)
      else await new Promise((resolve) => setTimeout(resolve, claimIntervalMs))
    } catch (error) {
      platform.log.error({ event: 'webhooks.claim_failed', cause: error })
      await wait(pollMs)
    }
  }
}

/** Puts what was claimed into its lanes. */
async function admit(state: State, claim: Claim): Promise<void> {
  const { lanes, platform } = state
  const rooms = lanes.rooms(platform.clock.now().getTime())
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
    dispatch(state, lane)
  }
  lanes.sweep()
}

/** Begins what may begin. */
function dispatch(state: State, lane: Lane): void {
  const { platform, running } = state
  state.waiting.delete(lane)
  if (state.isStopping) {
    letGo(state, lane)
    return
  }
  while (lane.pending.length > 0 && lane.running < (isOpen(lane) ? 1 : platform.config.webhookConcurrency)) {
    if (running.size >= platform.config.webhookConnections) {
      state.waiting.add(lane)
      return
    }
    const job = lane.pending.shift()
    if (job !== undefined) begin(state, lane, job)
  }
}

function begin(state: State, lane: Lane, job: Job): void {
  const { platform, running } = state
  const { endpoint } = lane
  const leftMs = job.heldUntil.getTime() - platform.clock.now().getTime()
  // It is due again by itself, here or elsewhere.
  if (endpoint === null || leftMs < platform.config.webhookTimeout * 1000) return
  lane.running++
  const work: Promise<void> = send(state, lane, endpoint, job).finally(() => {
    running.delete(work)
    lane.running--
    dispatch(state, lane)
    for (const other of state.waiting) {
      if (running.size >= platform.config.webhookConnections) break
      dispatch(state, other)
    }
    if (lane.mayHaveMore && heldBy(lane) <= platform.config.webhookConcurrency) state.wake()
  })
  running.add(work)
}

async function send(state: State, lane: Lane, endpoint: Endpoint, job: Job): Promise<void> {
  const { platform, poster } = state
  const at = platform.clock.now()
  const { sent, shown } = requestHeaders(endpoint, job.id, at, job.payload)
  const result = await poster.post(endpoint.url, sent, Buffer.from(job.payload))
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
  const attempt = { at, url: endpoint.url, headers: shown, result }
  platform.metrics.webhookAttempts.inc({
    result: isSuccess ? 'delivered' : verdict.state === 'queued' ? 'retried' : 'failed',
  })
  complete(state, lane, { job, attempted: { attempt, verdict, health } })
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
function complete({ completions, wake }: State, lane: Lane, outcome: Outcome): void {
  lane.writing++
  void completions.add(outcome).then(() => {
    lane.writing--
    if (lane.mayHaveMore && heldBy(lane) === 0) wake()
  })
}
