/** The rows of the login guard: what was counted, on every node of the platform. */
import { type RawBuilder, sql } from 'kysely'
import { type Db, type Tx, together } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { accountOf, doublingsMax, type GuardSubject, type LoginAttempt } from './login-guard-policy.ts'

export type LoginGuardsTable = {
  subject: string
  /** Of a pair and an account: whose, as `mailbox:ann@example.com`. */
  account: string | null
  /** Of all but an account, in CIDR form. */
  network: string | null
  failures: number
  /** Of the last guesses, newest first: a few bits of a keyed digest each, so that one that is repeated counts once. */
  recent: number[]
  last_failure_at: Date
  locked_until: Date | null
}

declare module '../platform/database.ts' {
  interface Tables {
    login_guards: LoginGuardsTable
  }
}

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'accounts.forget_login_failures': Record<string, never>
  }
}

/** As it comes out of JSON. */
export type GuardRow = {
  subject: string
  failures: number
  last_failure_at: string
  locked_until: string | null
}

/** What is counted of these subjects, as a JSON value in the statement that looks the account up. */
export function guardRows(subjects: readonly GuardSubject[]): RawBuilder<GuardRow[]> {
  return sql<GuardRow[]>`(select coalesce(json_agg(json_build_object('subject', subject, 'failures', failures,
    'last_failure_at', last_failure_at, 'locked_until', locked_until)), '[]')
    from login_guards where subject = any(${subjects.map(({ key }) => key)}::text[]))`
}

const recentGuessesMax = 8

/**
 * Counts a failure for each subject.
 * @param guess what a guess that is repeated is known by; null: it always counts.
 * @returns until when those are locked that have come to it.
 */
export async function countFailure(
  tx: Tx,
  subjects: readonly GuardSubject[],
  guess: number | null,
  now: Date,
): Promise<Map<GuardSubject, Date>> {
  // All transactions take the rows in the same order.
  const ordered = subjects.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const results = await together(
    tx,
    ordered.map((subject) => countStatement(subject, guess, now)),
  )
  const locks = new Map<GuardSubject, Date>()
  for (const [index, subject] of ordered.entries()) {
    const row: unknown = results[index]?.rows[0]
    const until = typeof row === 'object' && row !== null && 'locked_until' in row ? row.locked_until : null
    if (until instanceof Date && until > now) locks.set(subject, until)
  }
  return locks
}

function countStatement({ key, account, network, rule }: GuardSubject, guess: number | null, now: Date) {
  const { failuresMax, lockSeconds, forgetSeconds } = rule
  return sql`
    insert into login_guards as held (subject, account, network, failures, recent, last_failure_at)
    values (${key}, ${account}, ${network}, 1, ${guess === null ? [] : [guess]}::int[], ${now})
    on conflict (subject) do update set (failures, recent, last_failure_at, locked_until) = (
      select counted, (excluded.recent || held.recent)[1:${recentGuessesMax}::int], excluded.last_failure_at,
        case when counted < ${failuresMax}::int then null
          else excluded.last_failure_at + ${lockSeconds}::float8
            * 2 ^ least(counted - ${failuresMax}::int, ${doublingsMax}::int) * interval '1 second' end
      from (select least(${failuresMax + doublingsMax}::int, 1 + greatest(0, held.failures - floor(
        extract(epoch from excluded.last_failure_at - held.last_failure_at) / ${forgetSeconds}::int)::int)) as counted) as counting
    )
    where not (excluded.recent && held.recent)
    returning locked_until`
}

/** Forgets a pair's failures: its owner has come. */
export async function forgetPair(platform: Platform, subjects: readonly GuardSubject[]): Promise<void> {
  const keys = subjects.filter(({ name }) => name === 'pair').map(({ key }) => key)
  await platform.db.deleteFrom('login_guards').where('subject', 'in', keys).execute()
}

export type LoginLock = { network: string; until: Date }

/** The networks from which an account cannot be logged in to at present, the longest lock first. */
export async function loginLocks(
  db: Db,
  account: Pick<LoginAttempt, 'kind' | 'address'>,
  now: Date,
): Promise<LoginLock[]> {
  const rows = await db
    .selectFrom('login_guards')
    .select(['network', 'locked_until'])
    .where('account', '=', accountOf(account))
    .where('locked_until', '>', now)
    .orderBy('locked_until', 'desc')
    .limit(locksShownMax)
    .execute()
  return rows.flatMap(({ network, locked_until: until }) =>
    network === null || until === null ? [] : [{ network, until }],
  )
}

const locksShownMax = 1000

/** Forgets every failure of an account, wherever it came from. @returns whether there were any. */
export async function forgetFailures(
  tx: Tx,
  account: Pick<LoginAttempt, 'kind' | 'address'>,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('login_guards')
    .where('account', '=', accountOf(account))
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

const rowsPerStatement = 5000

/** Deletes what time has forgotten: an hour for each failure. @returns how many rows. */
export async function deleteOldGuards(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  const { numAffectedRows } = await sql`
    delete from login_guards where subject in (
      select subject from login_guards
      where last_failure_at < ${now}::timestamptz - interval '1 hour'
        and last_failure_at < ${now}::timestamptz - least(failures, 24) * interval '1 hour'
        and (locked_until is null or locked_until < ${now})
      limit ${rowsPerStatement}
    )`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}
