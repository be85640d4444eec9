/**
 * Claiming: a node takes deliveries that are due, a few of every webhook in turn, so that no endpoint, however much waits
 * for it, keeps another one waiting. What it takes stays queued and is due again when the node's time is over: a node
 * that is gone needs no cleaning up after.
 */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { int4Array, uuidArray } from '../platform/sql-arrays.ts'
import { webhookPolicy } from './policy.ts'

export type Job = {
  id: string
  webhookId: string
  claim: string
  payload: string
  /** Made so far. */
  attempts: number
  expiresAt: Date
  /** It must have begun by then, or be left alone. */
  heldUntil: Date
}

/** What of a webhook a node learns with its deliveries. */
export type ClaimedWebhook = { id: string; version: number; failures: number; failingSince: Date | null }

export type ClaimRequest = {
  now: Date
  holdMs: number
  /** The walk over the webhooks goes on after this one. */
  after: string
  rowsMax: number
  /** Of each webhook that `rooms` does not name. */
  rowsPerWebhook: number
  /** Of these so many; 0 leaves one out. */
  rooms: ReadonlyMap<string, number>
}

export type Claim = {
  jobs: Job[]
  webhooks: ClaimedWebhook[]
  /** Behind which webhook the next walk goes on; null at the end of the round. */
  cursor: string | null
}

export const beforeAllIds = '00000000-0000-0000-0000-000000000000'

/** Webhooks that one walk looks at, those with nothing due included. */
const webhooksPerWalk = 250

type Row = {
  last: string | null
  steps: number
  id: string | null
  webhook_id: string
  payload: string
  attempts: number
  expires_at: Date
  version: number
  failures: number
  failing_since: Date | null
}

export async function claimDue(db: Db, request: ClaimRequest): Promise<Claim> {
  const { now, holdMs, after, rowsMax, rowsPerWebhook, rooms } = request
  const claim = newId()
  const heldUntil = new Date(now.getTime() + holdMs)
  // From webhook to webhook by the index, whatever lies between (a loose scan); then the oldest of each, of many only so
  // many that not much more is locked than is taken.
  const { rows } = await sql<Row>`/* prepared claim_webhook_deliveries */
    with recursive walk (webhook_id, step) as (
      (select webhook_id, 1 from webhook_deliveries where state = 'queued' and webhook_id > ${after}::uuid
        order by webhook_id limit 1)
      union all
      select next.webhook_id, step + 1 from walk, lateral (
        select d.webhook_id from webhook_deliveries d where d.state = 'queued' and d.webhook_id > walk.webhook_id
        order by d.webhook_id limit 1
      ) as next
      where step < ${webhooksPerWalk}::int
    ),
    open as materialized (
      select w.id, w.version, w.consecutive_failures as failures, w.failing_since, least(
        coalesce(room.rows, ${rowsPerWebhook}::int),
        case when w.consecutive_failures >= ${webhookPolicy.failuresUntilBlocked}::int then 1 end
      ) as room
      from walk join webhooks w on w.id = walk.webhook_id
      left join unnest(${uuidArray([...rooms.keys()])}, ${int4Array([...rooms.values()])}) as room (id, rows)
        on room.id = w.id
      where w.state = 'enabled' and (w.blocked_until is null or w.blocked_until <= ${now}::timestamptz)
        and coalesce(room.rows, 1) > 0
    ),
    share as materialized (
      select greatest(1, 2 * ${rowsMax}::int / greatest(1, count(*)))::int as rows from open
    ),
    due as materialized (
      select d.id from open, share, lateral (
        select id, row_number() over () as rank from (
          select id from webhook_deliveries q
          where q.webhook_id = open.id and q.state = 'queued' and q.next_attempt_at <= ${now}::timestamptz
          order by q.next_attempt_at, q.id limit least(open.room, share.rows) for update skip locked
        ) as oldest
      ) as d
      order by d.rank, open.id limit ${rowsMax}::int
    ),
    taken as (
      update webhook_deliveries d set claim = ${claim}::uuid, next_attempt_at = ${heldUntil}::timestamptz
      from due where d.id = due.id
      returning d.id, d.webhook_id, coalesce(d.content_id, d.event_id) as content_id, d.attempts, d.expires_at
    ),
    walked as (select count(*)::int as steps, (array_agg(webhook_id order by step desc))[1] as last from walk)
    select walked.last, walked.steps, job.* from walked left join (
      select t.id, t.webhook_id, t.attempts, t.expires_at, e.payload, open.version, open.failures, open.failing_since
      from taken t join open on open.id = t.webhook_id join webhook_events e on e.id = t.content_id
    ) as job on true`.execute(db)
  const taken = rows.flatMap((row) => (row.id === null ? [] : [{ ...row, id: row.id }]))
  return {
    jobs: taken.map((row) => ({
      id: row.id,
      webhookId: row.webhook_id,
      claim,
      payload: row.payload,
      attempts: row.attempts,
      expiresAt: row.expires_at,
      heldUntil,
    })),
    webhooks: [
      ...new Map(
        taken.map((row) => [
          row.webhook_id,
          {
            id: row.webhook_id,
            version: row.version,
            failures: row.failures,
            failingSince: row.failing_since,
          },
        ]),
      ).values(),
    ],
    cursor: taken.length < rowsMax ? endOfWalk(rows) : lastServed(taken),
  }
}

function endOfWalk([row]: readonly Row[]): string | null {
  return row === undefined || row.steps < webhooksPerWalk ? null : row.last
}

/** Where not all got something because no more could be taken, those behind are the next. */
function lastServed(taken: readonly { webhook_id: string }[]): string | null {
  return taken.map((row) => row.webhook_id).reduce((one, other) => (one > other ? one : other), beforeAllIds)
}
