/** Workers: each takes messages from its lane and sends them over one connection, as long as there are any. */

import type { Job } from './claim.ts'
import { openRoute, type ReadySession } from './connect.ts'
import { type Lane, rateLeft } from './lanes.ts'
import { type AttemptDetail, classify, type Outcome, outcomeOf } from './outcome.ts'
import { postponeDomain } from './postpone.ts'
import { isSandboxAddress } from './sandbox.ts'
import { waitMs } from './schedule.ts'
import type { SenderState } from './sender-state.ts'
import { failureLine, noReply, SmtpFailure } from './smtp-client/failure.ts'
import type { RecipientResult } from './smtp-client/transaction.ts'
import { transmit } from './transmit.ts'

export type Work = {
  readonly active: number
  /** Of these, at places that failed the last time. */
  readonly suspects: number
  start(lane: Lane, pooled: ReadySession | null): void
  /** Called when a worker has ended. */
  onDone: (lane: Lane) => void
  /** Waits for all, and cuts off those that take longer. */
  drain(ms: number): Promise<void>
}

/** A session with what has gone over it. */
type Connection = ReadySession & { messages: number; isReused: boolean }

export function createWorker(state: SenderState): Work {
  const running = new Set<Promise<void>>()
  const connections = new Set<ReadySession>()
  let suspects = 0
  const work: Work = {
    get active() {
      return running.size
    },
    get suspects() {
      return suspects
    },
    onDone: () => undefined,
    start(lane, pooled) {
      const isSuspect = !lane.isProven && lane.failures > 0
      lane.workers++
      if (isSuspect) suspects++
      const run = runWorker(state, lane, pooled, connections)
        .catch((error: unknown) =>
          state.platform.log.error({ event: 'outbound.worker_failed', cause: error }),
        )
        .finally(() => {
          lane.workers--
          if (isSuspect) suspects--
          running.delete(run)
          if (lane.pending.length === 0) {
            lane.connectionsMax = Number.POSITIVE_INFINITY
            state.signal.wake()
          }
          work.onDone(lane)
        })
      running.add(run)
    },
    async drain(ms) {
      const timer = setTimeout(() => {
        for (const { session } of connections) session.destroy()
      }, ms)
      await Promise.all(running)
      clearTimeout(timer)
    },
  }
  return work
}

async function runWorker(
  state: SenderState,
  lane: Lane,
  pooled: ReadySession | null,
  connections: Set<ReadySession>,
): Promise<void> {
  let connection: Connection | null = pooled && { ...pooled, messages: 0, isReused: true }
  const leave = (isKept: boolean): void => {
    if (connection === null) return
    connections.delete(connection)
    const { session } = connection
    if (isKept && session.isOpen && !state.isStopping) state.pool.put(lane.key, connection)
    else session.quit()
    connection = null
  }
  if (connection) connections.add(connection)
  try {
    for (let job = nextJob(state, lane); job !== null; job = nextJob(state, lane)) {
      if (
        connection &&
        (!connection.session.isOpen || connection.messages >= lane.rule.messagesPerConnectionMax)
      ) {
        leave(false)
      }
      const opened: Connection | null = connection ?? (await open(state, lane, job, connections))
      if (opened === null) return
      connection = opened
      connection = await sendJob(state, lane, job, connection, connections)
      if (connection === null) return
    }
    leave(true)
  } finally {
    leave(false)
  }
}

/** The next message of a lane, if one may be begun now. */
function nextJob(state: SenderState, lane: Lane): Job | null {
  const nowMs = state.platform.clock.now().getTime()
  if (state.isStopping || !state.lease.isFresh() || lane.blockedUntilMs > nowMs) return null
  if (rateLeft(lane, nowMs) <= 0) return null
  for (let job = lane.pending.shift(); job !== undefined; job = lane.pending.shift()) {
    if (!isSandboxAddress(job)) {
      lane.windowCount++
      return job
    }
    const text = 'Names under .test are sandboxes: mail for them never leaves the platform'
    finish(state, job, everyone(job, { ok: false, reply: noReply('dns', '5.1.2', text) }), {})
  }
  return null
}

function everyone({ recipients }: Job, result: RecipientResult): RecipientResult[] {
  return recipients.map(() => result)
}

async function open(
  state: SenderState,
  lane: Lane,
  job: Job,
  connections: Set<ReadySession>,
): Promise<Connection | null> {
  try {
    const ready = await openRoute(state.context, lane.route)
    lane.isProven = true
    lane.failures = 0
    const connection = { ...ready, messages: 0, isReused: false }
    connections.add(connection)
    state.signal.wake() // a lane that is proven takes more
    return connection
  } catch (error) {
    const failure = error instanceof SmtpFailure ? error : unexpected(state, error)
    await laneFailed(state, lane, job, failure)
    return null
  }
}

function unexpected({ platform }: SenderState, cause: unknown): SmtpFailure {
  platform.log.error({ event: 'outbound.attempt_failed', cause })
  return new SmtpFailure(noReply('connect', '4.3.0', 'the attempt failed on our side'), { cause })
}

/** Sends one message. @returns the connection to go on with. */
async function sendJob(
  state: SenderState,
  lane: Lane,
  job: Job,
  first: Connection,
  connections: Set<ReadySession>,
): Promise<Connection | null> {
  const startedAt = performance.now()
  let connection: Connection = first
  let results = await attempt(state, connection, job)
  if (connection.isReused && wasStale(results)) {
    // The server had given up on an idle connection: that is nobody's failure.
    connections.delete(connection)
    const opened = await open(state, lane, job, connections)
    if (opened === null) return null
    connection = opened
    results = await attempt(state, connection, job)
  } else if (mayTryNextHost(results)) {
    results = (await overNextHost(state, lane, job, connection)) ?? results
  }
  connection.messages++
  connection.isReused = true
  const milliseconds = Math.round(performance.now() - startedAt)
  state.platform.metrics.outboundSeconds.observe(milliseconds / 1000)
  finish(state, job, results, { ...connection.detail, ...dsnDetail(job, connection), milliseconds })
  return connection
}

async function attempt(state: SenderState, ready: ReadySession, job: Job): Promise<RecipientResult[]> {
  try {
    return await transmit(state.platform, ready, job)
  } catch (error) {
    return everyone(job, { ok: false, reply: unexpected(state, error).reply })
  }
}

/** Nothing was said to MAIL, or only good-bye: the message was not begun. */
function wasStale(results: readonly RecipientResult[]): boolean {
  return results.every(
    (result) =>
      !result.ok && result.reply.stage === 'mail' && (result.reply.code === 421 || isLost(result.reply)),
  )
}

function isLost({ code, enhanced }: { code: number; enhanced: string | null }): boolean {
  return code === 0 && enhanced === '4.4.2'
}

/** RFC 5321 §5.1: a host that cannot take mail now is followed by the next one. */
function mayTryNextHost(results: readonly RecipientResult[]): boolean {
  return results.every((result) => {
    if (result.ok || result.reply.stage !== 'mail') return false
    return (result.reply.code >= 400 && result.reply.code < 500) || isLost(result.reply)
  })
}

async function overNextHost(
  state: SenderState,
  lane: Lane,
  job: Job,
  { address }: ReadySession,
): Promise<RecipientResult[] | null> {
  try {
    const ready = await openRoute(state.context, lane.route, [address])
    const results = await attempt(state, ready, job)
    ready.session.quit()
    return results
  } catch (error) {
    if (error instanceof SmtpFailure) return null // there is no other: what the first said stands
    throw error
  }
}

function dsnDetail({ message, recipients }: Job, { session }: ReadySession): AttemptDetail {
  const isWished =
    message.ret !== null || message.envid !== null || recipients.some((one) => one.notify ?? one.orcpt)
  if (!isWished) return {}
  return { dsn: session.capabilities.dsn ? 'passed' : 'not_offered' }
}

/** No connection came about: whatever waits for the place waits longer, or comes back. */
async function laneFailed(state: SenderState, lane: Lane, job: Job, failure: SmtpFailure): Promise<void> {
  const { reply, at } = failure
  const classified = classify(reply)
  if (!classified.isPermanent && lane.workers > 1) {
    // The others get through: it only takes no more connections than it has.
    lane.connectionsMax = lane.workers - 1
    lane.pending.unshift(job)
    return
  }
  const relayId = lane.route.kind === 'relay' ? (lane.route.relays[0]?.id ?? null) : null
  const detail: AttemptDetail = { ...at, ...(relayId === null ? {} : { relay_id: relayId }) }
  const jobs = [job, ...lane.pending.splice(0)]
  lane.isProven = false
  lane.connectionsMax = Number.POSITIVE_INFINITY
  if (!classified.isPermanent) {
    lane.failures++
    const { clock, config } = state.platform
    lane.blockedUntilMs = clock.now().getTime() + waitMs(config.retrySchedule, lane.failures)
  }
  for (const one of jobs) finish(state, one, everyone(one, { ok: false, reply }), detail)
  if (classified.isPermanent || lane.route.kind === 'relay') return
  const { domain } = lane.route
  const said = failureLine(reply)
  const postponed = await postponeDomain(state.platform, {
    domain,
    reply: said,
    class: classified.class,
    detail,
  })
  state.platform.log.info({ event: 'outbound.unreachable', domain, reply: said, postponed })
}

/** Has what became of a message written down; until then it counts as in hand. */
function finish(
  state: SenderState,
  job: Job,
  results: readonly RecipientResult[],
  detail: AttemptDetail,
): void {
  const { platform, completions, ledger } = state
  const { retrySchedule, queueLifetime } = platform.config
  const rules = { now: platform.clock.now(), retrySchedule, queueLifetimeMs: queueLifetime * 1000 }
  const outcomes: Outcome[] = job.recipients.flatMap((recipient, index) => {
    const result = results[index]
    return result ? [outcomeOf(rules, job.message, recipient, result, detail)] : []
  })
  for (const { state: result } of outcomes) {
    platform.metrics.outboundAttempts.inc({ result: result === 'queued' ? 'deferred' : result })
  }
  void completions.add(outcomes).then(() => {
    const isTight = ledger.rows > 500
    ledger.remove(job.recipients[0]?.domain ?? '', job.recipients.length)
    if (isTight) state.signal.wake()
  })
}
