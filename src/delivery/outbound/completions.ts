/**
 * The completion lane: attempts that end at the same moment are written in one transaction: the recipient's row, its
 * step, its event, the body that is let go, the job that tells the sender. While one transaction runs the next fills.
 */
import { sql } from 'kysely'
import { type Tx, together, transaction } from '../../platform/database.ts'
import { eventsStatement, type NewEvent } from '../../platform/events.ts'
import { addJobs, type NewJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { suppressAfterBounce } from '../bounces/suppress.ts'
import { reviewAfterOutcomes } from '../limits/review.ts'
import { forwardBounced } from '../routing/forward-messages.ts'
import type { Outcome } from './outcome.ts'
import { lockShared, releaseFinished } from './release.ts'
import { type NewStep, stepsStatement } from './steps.ts'
import type { StepDetail } from './tables.ts'

export type CompletionLane = {
  /** Resolves when the outcomes are committed. */
  add(outcomes: readonly Outcome[]): Promise<void>
  /** Waits for what is under way. */
  stop(): Promise<void>
}

const outcomesPerCommitMax = 500
// What was sent must be written down: until it is, nothing else may be tried. The database may be away for a while.
const retryMs = 1_000

type Waiting = { outcomes: readonly Outcome[]; resolve: () => void }

export function startCompletionLane(platform: Platform): CompletionLane {
  const waiting: Waiting[] = []
  let running: Promise<void> | null = null
  let stopping = false

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = takeBatch(waiting)
      await commitUntilDone(
        platform,
        batch.flatMap(({ outcomes }) => outcomes),
        () => stopping,
      )
      for (const { resolve } of batch) resolve()
    }
    running = null
  }
  return {
    add: (outcomes) =>
      new Promise((resolve) => {
        waiting.push({ outcomes, resolve })
        if (running === null) {
          running = new Promise<void>((started) => setImmediate(started)).then(run)
        }
      }),
    async stop() {
      stopping = true
      while (running !== null) await running
    },
  }
}

function takeBatch(waiting: Waiting[]): Waiting[] {
  let count = 0
  let outcomes = 0
  for (const one of waiting) {
    outcomes += one.outcomes.length
    if (count > 0 && outcomes > outcomesPerCommitMax) break
    count++
  }
  return waiting.splice(0, count)
}

async function commitUntilDone(
  platform: Platform,
  outcomes: readonly Outcome[],
  isStopping: () => boolean,
): Promise<void> {
  for (;;) {
    try {
      await transaction(platform.db, (tx) => write(platform, tx, outcomes))
      return
    } catch (error) {
      platform.log.error({ event: 'outbound.completion_failed', recipients: outcomes.length, cause: error })
      if (isStopping()) return // they are queued again, and sent once more
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

async function write(platform: Platform, tx: Tx, outcomes: readonly Outcome[]): Promise<void> {
  const final = outcomes.filter(({ state }) => state !== 'queued')
  const finalMessages = [...new Set(final.map(({ message }) => message.id))]
  if (finalMessages.length > 0) await lockShared(tx, finalMessages)
  const now = platform.clock.now()
  const written = await updateRecipients(platform, tx, outcomes, now)
  // What is no longer ours was given to another node because this one was silent for too long.
  const ours = outcomes.filter(({ recipient }) => written.has(recipient.id))
  if (ours.length < outcomes.length) {
    platform.log.warn({ event: 'outbound.lease_lost', recipients: outcomes.length - ours.length })
  }
  if (ours.length === 0) return
  await together(tx, [
    stepsStatement(ours.map((outcome) => stepOf(outcome, now))),
    eventsStatement(platform, tx, ours.map(eventOf)),
  ])
  if (finalMessages.length > 0) await releaseFinished(tx, finalMessages, now)
  await addJobs(tx, noticesOf(ours))
  await followBounces(
    platform,
    tx,
    ours.filter(({ state }) => state === 'bounced'),
  )
}

/** What a bounce has for others: suppression lists, the rate at which sending pauses, whoever had it forwarded. */
async function followBounces(platform: Platform, tx: Tx, bounced: readonly Outcome[]): Promise<void> {
  if (bounced.length === 0) return
  const refused = bounced.flatMap(({ recipient, refusal, reply }) =>
    refusal === null ? [] : [{ ...refusal, recipientId: recipient.id, reply }],
  )
  await suppressAfterBounce(platform, tx, refused)
  await reviewAfterOutcomes(
    tx,
    bounced.map(({ message }) => message.mailboxId),
  )
  await forwardBounced(
    platform,
    tx,
    bounced.map(({ recipient }) => recipient.id),
  )
}

async function updateRecipients(
  platform: Platform,
  tx: Tx,
  outcomes: readonly Outcome[],
  now: Date,
): Promise<Set<string>> {
  const rows = outcomes.map(({ recipient, state, reply, class: kind, until }) => ({
    id: recipient.id,
    state,
    reply,
    class: kind,
    until,
    finished: state === 'queued' ? null : now,
  }))
  const { rows: written } = await sql<{ id: string }>`/* prepared complete_outbound */
    update outbound_recipients r set state = new.state, node_id = null, attempts = attempts + 1,
      last_reply = new.reply, last_class = new.class, next_attempt_at = coalesce(new.until, next_attempt_at),
      finished_at = new.finished
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (id uuid, state text, reply text, class text, until timestamptz, finished timestamptz)
    where r.id = new.id and r.state = 'sending' and r.node_id = ${platform.nodeId}::uuid
    returning r.id`.execute(tx)
  return new Set(written.map(({ id }) => id))
}

function stepOf({ recipient, state, reply, class: kind, until, detail }: Outcome, at: Date): NewStep {
  const full: StepDetail = {
    ...detail,
    reply,
    ...(kind === null ? {} : { class: kind }),
    ...(until === null ? {} : { until: until.toISOString() }),
  }
  return { recipientId: recipient.id, step: state === 'queued' ? 'deferred' : state, at, detail: full }
}

function eventOf({ message, recipient, state, reply, class: kind, until }: Outcome): NewEvent {
  const { organizationId, workspaceId, mailboxId } = message
  const owner = { organizationId, workspaceId, mailboxId }
  const about = {
    outbound_message_id: message.id,
    outbound_recipient_id: recipient.id,
    rcpt_to: recipient.rcptTo,
    reply,
  }
  if (state === 'delivered')
    return { type: 'message.delivered', ...owner, data: { message_id: null, ...about } }
  const refused = { ...about, class: kind ?? 'other' }
  if (state === 'bounced') return { type: 'message.bounced', ...owner, data: refused }
  return {
    type: 'message.deferred',
    ...owner,
    data: { ...refused, until: until?.toISOString() ?? '', attempts: recipient.attempts + 1 },
  }
}

/** One job for a message, however many of its recipients there is news of. */
function noticesOf(outcomes: readonly Outcome[]): NewJob[] {
  const messages = new Set(
    // Nobody is told of what nobody sent (RFC 5321 §4.5.5).
    outcomes
      .filter(({ isNews, message }) => isNews && message.mailFrom !== '')
      .map(({ message }) => message.id),
  )
  return [...messages].map((id) => ({
    name: 'delivery.notify',
    payload: { outbound_message_id: id },
    key: `delivery.notify:${id}`,
  }))
}
