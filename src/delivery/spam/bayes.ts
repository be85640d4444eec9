/** The classifier of a workspace: what its people taught, asked about a message and taught by one. */
import { sql } from 'kysely'
import type { MailboxOwner } from '../../messages/owner.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { type Counts, combined, spamProbability } from './fisher.ts'
import type { Inspected } from './inspect.ts'
import { type Hit, scored } from './symbols.ts'
import { tokensOf } from './tokens.ts'

/** Of each kind, before the classifier says anything. */
export const taughtMin = 20
/** Its score at most, to either side: one opinion among others. */
export const bayesScoreMax = 4
/** Scores below this are no opinion. */
const scoreMin = 0.4

/**
 * What the recipients' workspace knows of such messages. A message to several workspaces is nobody's to judge: its
 * score would tell each of them what the others taught.
 */
export async function bayesSigns(
  platform: Platform,
  { local }: Pick<Arrival, 'local'>,
  inspected: Inspected,
): Promise<Hit[]> {
  const [workspaceId, ...others] = new Set(local.map(({ owner }) => owner.workspaceId))
  if (workspaceId === undefined || others.length > 0) return []
  const totals = await totalsOf(platform, workspaceId)
  if (totals.spam < taughtMin || totals.ham < taughtMin) return []
  const known = await readTokens(platform, workspaceId, tokensOf(workspaceId, inspected))
  const likeness = combined(known.map((token) => spamProbability(token, totals)))
  const score = (likeness - 0.5) * 2 * bayesScoreMax
  return Math.abs(score) < scoreMin ? [] : [scored('BAYES', score, `${Math.round(likeness * 100)} %`)]
}

async function readTokens(
  platform: Platform,
  workspaceId: string,
  tokens: readonly number[],
): Promise<Counts[]> {
  const { rows } = await sql<Counts>`/* prepared spam_tokens */
    select spam, ham from spam_tokens
    where workspace_id = ${workspaceId}::uuid and token = any(${int8Array(tokens)})`.execute(platform.db)
  return rows
}

const cachedMax = 100_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Counts>>()

async function totalsOf(platform: Platform, workspaceId: string): Promise<Counts> {
  const read = async (): Promise<Counts> => {
    const row = await platform.db
      .selectFrom('spam_totals')
      .select(['spam', 'ham'])
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirst()
    return row ?? { spam: 0, ham: 0 }
  }
  return (await cacheOf(platform).load(workspaceId, read)) ?? (await read())
}

function cacheOf(platform: Platform): Cache<Counts> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Counts>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe(({ type }) => {
    if (type === 'spam.learned') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}

/** A message to learn from, by its body: copies are one message. */
export type Lesson = { bodyId: string; kind: 'spam' | 'ham'; inspected: Inspected }

/**
 * Teaches a message to its workspace. What was taught already changes nothing; what was taught the other way is
 * taken back first.
 * @returns whether anything changed.
 */
export async function learn(platform: Platform, owner: MailboxOwner, lesson: Lesson): Promise<boolean> {
  const { workspaceId } = owner
  const tokens = tokensOf(workspaceId, lesson.inspected)
  return await transaction(platform.db, async (tx) => {
    await lockTotals(tx, workspaceId)
    const before = await taughtAs(tx, workspaceId, lesson.bodyId)
    if (before === lesson.kind) return false
    const change = {
      spam: Number(lesson.kind === 'spam') - Number(before === 'spam'),
      ham: Number(lesson.kind === 'ham') - Number(before === 'ham'),
    }
    await writeLesson(platform, tx, workspaceId, lesson, tokens, change)
    await appendEvents(platform, tx, [{ type: 'spam.learned', ...owner, data: { kind: lesson.kind } }])
    return true
  })
}

/** One lesson of a workspace at a time, so that none is counted twice and none waits for another crosswise. */
async function lockTotals(tx: Tx, workspaceId: string): Promise<void> {
  await sql`
    insert into spam_totals as totals (workspace_id, spam, ham) values (${workspaceId}::uuid, 0, 0)
    on conflict (workspace_id) do update set spam = totals.spam`.execute(tx)
}

async function taughtAs(tx: Tx, workspaceId: string, bodyId: string): Promise<'spam' | 'ham' | null> {
  const row = await tx
    .selectFrom('spam_taught')
    .select('kind')
    .where('workspace_id', '=', workspaceId)
    .where('body_id', '=', bodyId)
    .executeTakeFirst()
  return row?.kind ?? null
}

/** Counts, tokens and the note that the message was taught, in one statement. */
async function writeLesson(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  { bodyId, kind }: Lesson,
  tokens: readonly number[],
  change: Counts,
): Promise<void> {
  const now = platform.clock.now()
  await sql`
    with noted as (
      insert into spam_taught (workspace_id, body_id, kind, taught_at)
      values (${workspaceId}::uuid, ${bodyId}::uuid, ${kind}, ${now})
      on conflict (workspace_id, body_id) do update set kind = excluded.kind, taught_at = excluded.taught_at
    ), counted as (
      update spam_totals set spam = greatest(0, spam + ${change.spam}::int), ham = greatest(0, ham + ${change.ham}::int)
      where workspace_id = ${workspaceId}::uuid
    )
    insert into spam_tokens as known (workspace_id, token, spam, ham, taught_on)
    select ${workspaceId}::uuid, token, greatest(0, ${change.spam}::int), greatest(0, ${change.ham}::int), ${now}::date
    from unnest(${int8Array(tokens)}) as lesson (token)
    on conflict (workspace_id, token) do update set spam = greatest(0, known.spam + ${change.spam}::int),
      ham = greatest(0, known.ham + ${change.ham}::int), taught_on = excluded.taught_on`.execute(tx)
}
