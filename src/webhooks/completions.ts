/**
 * Writing down what became of attempts: those that end at the same moment are written in one transaction, and while it
 * runs the next fills. What is not written when a node dies is sent again.
 */
import { type RawBuilder, sql } from 'kysely'
import { type Tx, together, transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Job } from './claim.ts'
import { type Health, writeHealth } from './health.ts'
import type { Verdict } from './outcome.ts'
import type { PostResult } from './post.ts'

/** One request as it is kept. */
export type Attempt = {
  at: Date
  url: string
  headers: Record<string, string>
  result: PostResult
  /** Of a webhook in another format, whose log is one of attempts. */
  logged?: { webhookId: string; isReplay: boolean }
}

/** What became of a delivery; without an attempt it is let go, for whoever comes next. */
export type Outcome = { job: Job; attempted: { attempt: Attempt; verdict: Verdict; health: Health } | null }

export type CompletionLane = {
  /** Resolves when it is committed. */
  add(outcome: Outcome): Promise<void>
  /** Waits for what is under way. */
  stop(): Promise<void>
}

const outcomesPerCommitMax = 500
const retryMs = 1_000

type Waiting = { outcome: Outcome; resolve: () => void }

export function startCompletionLane(platform: Platform): CompletionLane {
  const waiting: Waiting[] = []
  let running: Promise<void> | null = null
  let stopping = false

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, outcomesPerCommitMax)
      const outcomes = batch.map(({ outcome }) => outcome)
      await commitUntilDone(platform, outcomes, () => stopping)
      for (const { resolve } of batch) resolve()
    }
    running = null
  }
  return {
    add: (outcome) =>
      new Promise((resolve) => {
        waiting.push({ outcome, resolve })
        running ??= new Promise<void>((started) => setImmediate(started)).then(run)
      }),
    async stop() {
      stopping = true
      while (running !== null) await running
    },
  }
}

async function commitUntilDone(
  platform: Platform,
  outcomes: readonly Outcome[],
  isStopping: () => boolean,
): Promise<void> {
  for (;;) {
    try {
      await transaction(platform.db, (tx) => writeOutcomes(platform, tx, outcomes))
      return
    } catch (error) {
      platform.log.error({ event: 'webhooks.completion_failed', deliveries: outcomes.length, cause: error })
      if (isStopping()) return // they are due again, and sent once more
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

/** Writes down outcomes of deliveries that are still in the hand of their claim. */
export async function writeOutcomes(platform: Platform, tx: Tx, outcomes: readonly Outcome[]): Promise<void> {
  const attempted = outcomes.flatMap(({ job, attempted: one }) => (one === null ? [] : [{ job, ...one }]))
  const health = attempted.map((one) => one.health)
  const now = platform.clock.now()
  await writeHealth(platform, tx, health) // first: a replay locks the webhook before its deliveries, too
  // The attempt is kept also where the delivery has been claimed anew: it was made.
  await together(tx, [
    updateDeliveries(outcomes, now),
    insertAttempts(attempted.map(({ job, attempt }) => ({ deliveryId: job.id, attempt }))),
  ])
}

function updateDeliveries(outcomes: readonly Outcome[], now: Date): RawBuilder<unknown> {
  const rows = outcomes.map(({ job, attempted }) => ({
    id: job.id,
    claim: job.claim,
    state: attempted?.verdict.state ?? 'queued',
    made: attempted === null ? 0 : 1,
    next_at: attempted?.verdict.nextAt ?? now,
    status: attempted?.attempt.result.status ?? null,
    error: attempted?.verdict.error ?? null,
    is_kept: attempted === null,
    finished: attempted === null || attempted.verdict.state === 'queued' ? null : now,
  }))
  return sql`/* prepared complete_webhook_deliveries */
    update webhook_deliveries d set state = new.state, claim = null, attempts = d.attempts + new.made,
      next_attempt_at = new.next_at, finished_at = new.finished,
      last_status = case when new.is_kept then d.last_status else new.status end,
      last_error = case when new.is_kept then d.last_error else new.error end
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (id uuid, claim uuid, state text, made int, next_at timestamptz, status int, error text, is_kept boolean,
        finished timestamptz)
    where d.id = new.id and d.claim = new.claim and d.state = 'queued'`
}

/** A statement that keeps attempts of deliveries; of one that is gone there is nothing to keep. */
export function insertAttempts(
  made: readonly { deliveryId: string; attempt: Attempt; id?: string }[],
): RawBuilder<unknown> {
  const rows = made.map(({ deliveryId, attempt: { at, url, headers, result, logged }, id = newId() }) => ({
    id,
    delivery_id: deliveryId,
    at,
    duration_ms: result.durationMs,
    url,
    request_headers: headers,
    status: result.status,
    response_headers: result.headers,
    response_body: result.body,
    error: result.error,
    webhook_id: logged?.webhookId ?? null,
    is_replay: logged?.isReplay ?? false,
  }))
  return sql`/* prepared insert_webhook_attempts */
    with new as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as one (id uuid, delivery_id uuid, at timestamptz,
        duration_ms int, url text, request_headers jsonb, status int, response_headers jsonb, response_body text, error text,
        webhook_id uuid, is_replay boolean)
    ),
    there as materialized (
      select d.id from webhook_deliveries d where d.id = any(${uuidArray(rows.map((row) => row.delivery_id))})
      for key share
    )
    insert into webhook_attempts (delivery_id, id, at, duration_ms, url, request_headers, status, response_headers,
      response_body, error, webhook_id, is_replay)
    select new.delivery_id, new.id, new.at, new.duration_ms, new.url, new.request_headers, new.status,
      new.response_headers, new.response_body, new.error, new.webhook_id, new.is_replay
    from new join there on there.id = new.delivery_id`
}
