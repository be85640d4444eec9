/**
 * The regular looks: whatever is due, oldest first, many at the same moment and all within one pace of questions. One
 * node does it at a time, so that the pace holds for all of them together.
 */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { DkimKey } from '../dkim-keys.ts'
import type { Domain } from '../tables.ts'
import { decide, nextLook } from './decide.ts'
import { lookAt } from './look.ts'
import { createPace, type Pace } from './pace.ts'
import { checkPolicy } from './policy.ts'
import { hasConsequences, type LookHooks, settleLook } from './settle.ts'
import { startChecks } from './start.ts'
import { lockUnchanged, type StoredCheck, type StoredLook, standingOf, storeLooks } from './store.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'domains.check_due': Record<string, never>
  }
}

// Any number that is the same in every node.
const checkingLock = 7_302_140

export type ChecksDone = { domains: number; questions: number }

/** One run. Does nothing while another node is at it; what is left is for a run that follows at once. */
export async function checkDueDomains(platform: Platform, hooks: LookHooks): Promise<ChecksDone> {
  const run: Run = {
    pace: createPace(platform.config.dnsChecksPerSecond),
    hooks,
    until: performance.now() + checkPolicy.runMsMax,
    done: { domains: 0, questions: 0 },
    waiting: [],
    quiet: [],
    reading: null,
    isLast: false,
  }
  await alone(platform, async () => {
    await enterUnknown(platform)
    await Promise.all(Array.from({ length: checkPolicy.concurrency }, () => work(platform, run)))
    await writeQuiet(platform, run)
    if (run.isLast && run.waiting.length === 0) return
    await transaction(platform.db, async (tx) => {
      await startChecks(
        tx,
        run.waiting.map(({ domain }) => domain.id),
        platform.clock.now(),
      )
      await addJob(tx, 'domains.check_due', {}, { key: 'domains.check_due' })
    })
  })
  return run.done
}

/** The lock belongs to a connection, so that it ends with a node that ends. */
async function alone({ pool }: Platform, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_lock($1::bigint) as mine',
      [checkingLock],
    )
    if (rows[0]?.mine !== true) return
    try {
      await work()
    } finally {
      await client.query('select pg_advisory_unlock($1::bigint)', [checkingLock])
    }
  } finally {
    client.release()
  }
}

/** Domains that came some other way than by being connected; those that are deleted are looked at no more. */
async function enterUnknown(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await sql`delete from domain_checks using domains
      where domains.id = domain_id and domains.state = 'deleted'`.execute(tx)
    const { rows } = await sql<{ id: string }>`
      select id from domains where state <> 'deleted' and name not like '%.test'
        and not exists (select 1 from domain_checks where domain_id = domains.id)
      order by id limit ${checkPolicy.domainsPerRead}`.execute(tx)
    await startChecks(
      tx,
      rows.map(({ id }) => id),
      platform.clock.now(),
    )
  })
}

type Due = { domain: Domain; stored: StoredCheck; keys: readonly DkimKey[] }
type Quiet = StoredLook & {
  /** The `due_at` that it was taken with. */
  takenUntil: Date | null
}

type Run = {
  pace: Pace
  hooks: LookHooks
  /** By performance.now(). */
  until: number
  done: ChecksDone
  /** Taken from the database and not begun. */
  waiting: Due[]
  /** Looks that changed nothing, and are not written down yet. */
  quiet: Quiet[]
  reading: Promise<void> | null
  /** There is no more in the database. */
  isLast: boolean
}

/** Takes what is due, for a while: if this node ends, it is due again. */
async function takeDue({ db, clock }: Platform): Promise<Due[]> {
  const now = clock.now()
  const { rows: checks } = await sql<StoredCheck>`
    update domain_checks set due_at = ${new Date(now.getTime() + checkPolicy.leaseMs)}
    where domain_id in (
      select domain_id from domain_checks where due_at <= ${now}
      order by due_at limit ${checkPolicy.domainsPerRead} for update skip locked
    ) returning *`.execute(db)
  const ids = uuidArray(checks.map((check) => check.domain_id))
  const [domains, keys] = await Promise.all([
    db.selectFrom('domains').selectAll().where(sql<boolean>`id = any(${ids})`).execute(),
    db
      .selectFrom('dkim_keys')
      .select(['domain_id', 'algorithm', 'selector', 'public_key', 'state'])
      .where(sql<boolean>`domain_id = any(${ids})`)
      .orderBy('selector', 'desc')
      .execute(),
  ])
  const byId = new Map(domains.map((domain) => [domain.id, domain]))
  const keysById = Map.groupBy(keys, (key) => key.domain_id)
  return checks.flatMap((stored) => {
    const domain = byId.get(stored.domain_id)
    return domain === undefined ? [] : [{ domain, stored, keys: keysById.get(stored.domain_id) ?? [] }]
  })
}

/** The next domain, for whichever worker asks first. */
async function next(platform: Platform, run: Run): Promise<Due | undefined> {
  while (run.waiting.length === 0 && !run.isLast) {
    run.reading ??= takeDue(platform)
      .then((due) => {
        run.waiting.push(...due)
        run.isLast = due.length < checkPolicy.domainsPerRead
      })
      .finally(() => {
        run.reading = null
      })
    await run.reading
  }
  return run.waiting.shift()
}

const quietPerStatement = 100

/** What changed nothing is written down by the hundred; anything else in a transaction of its own. */
async function work(platform: Platform, run: Run): Promise<void> {
  while (performance.now() < run.until) {
    const one = await next(platform, run)
    if (one === undefined) return
    try {
      const found = await lookAtOne(platform, one, run)
      if (found !== null) run.quiet.push(found)
      if (run.quiet.length >= quietPerStatement) await writeQuiet(platform, run)
    } catch (error) {
      // The others go on; this one is due again when its lease ends.
      platform.log.error({ event: 'domain_check.failed', domain: one.domain.name, cause: error })
    }
  }
}

/** Whoever has made a domain due meanwhile wants another look, and not this one's time of the next. */
async function writeQuiet({ db }: Platform, run: Run): Promise<void> {
  const looks = run.quiet.splice(0)
  if (looks.length === 0) return
  await transaction(db, async (tx) => {
    const unchanged = await lockUnchanged(tx, looks)
    await storeLooks(
      tx,
      looks.filter(({ domainId }) => unchanged.has(domainId)),
    )
  })
}

async function lookAtOne(
  platform: Platform,
  { domain, stored, keys }: Due,
  { pace, hooks, done }: Run,
): Promise<Quiet | null> {
  if (
    domain.state !== 'active' &&
    domain.state !== 'pending_records' &&
    domain.state !== 'pending_nameservers'
  ) {
    await postpone(platform, domain)
    return null
  }
  const isWhole = domain.state !== 'active'
  const look = await lookAt(platform, domain, keys, stored, { isWhole, pace })
  done.domains++
  done.questions += look.questions
  const decision = decide(platform.config, domain, standingOf(stored), look)
  if (!hasConsequences(decision) && keys.every(({ state }) => state !== 'pending')) {
    return { domainId: domain.id, look, decision, takenUntil: stored.due_at }
  }
  await transaction(platform.db, (tx) => settleLook(platform, tx, domain, look, hooks))
  return null
}

async function postpone({ db, clock }: Platform, domain: Domain): Promise<void> {
  await db
    .updateTable('domain_checks')
    .set({ due_at: nextLook({ ...domain, state: 'suspended' }, clock.now()) })
    .where('domain_id', '=', domain.id)
    .execute()
}
