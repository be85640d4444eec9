/** What the classifiers forget: rare words after some months, the rest past a bound, and workspaces that are gone. */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'

/** Tokens of one workspace: some thousand messages' worth. */
export const workspaceTokensMax = 200_000
/** A token that occurred in fewer messages than this is rare. */
const rareBelow = 3
const rareDays = 90
/** After this a message may teach once more; nobody moves it again by then. */
const taughtDays = 365
const rowsMax = 20_000

/** Forgets a batch. @returns how many rows went. */
export async function forgetLessons(platform: Platform): Promise<number> {
  const gone = await forgetWorkspaces(platform)
  const rare = await forgetRareTokens(platform)
  const many = await forgetTooMany(platform)
  return gone + rare + many + (await forgetNotes(platform))
}

async function forgetWorkspaces(platform: Platform): Promise<number> {
  const { rows } = await sql<{ workspace_id: string }>`
    select workspace_id from spam_totals
    where not exists (select from workspaces where id = workspace_id and deleted_at is null) limit 1`.execute(
    platform.db,
  )
  const [row] = rows
  if (!row) return 0
  const tokens = await sql`
    delete from spam_tokens where (workspace_id, token) in (
      select workspace_id, token from spam_tokens where workspace_id = ${row.workspace_id}::uuid limit ${rowsMax})`.execute(
    platform.db,
  )
  const deleted = Number(tokens.numAffectedRows ?? 0)
  if (deleted === rowsMax) return deleted
  await platform.db.deleteFrom('spam_taught').where('workspace_id', '=', row.workspace_id).execute()
  await platform.db.deleteFrom('spam_totals').where('workspace_id', '=', row.workspace_id).execute()
  return deleted + 1
}

async function forgetRareTokens(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from spam_tokens where (workspace_id, token) in (
      select tokens.workspace_id, token from spam_totals
        join spam_tokens tokens on tokens.workspace_id = spam_totals.workspace_id
          and taught_on < ${daysAgo(platform, rareDays)}::date
      where tokens.spam + tokens.ham < ${rareBelow} limit ${rowsMax})`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}

/** Of each workspace, past its bound, those that were taught longest ago. */
async function forgetTooMany(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from spam_tokens where (workspace_id, token) in (
      select excess.workspace_id, excess.token from spam_totals cross join lateral (
        select workspace_id, token from spam_tokens where workspace_id = spam_totals.workspace_id
        order by taught_on desc, token offset ${workspaceTokensMax}
      ) excess limit ${rowsMax})`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}

async function forgetNotes(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from spam_taught where (workspace_id, body_id) in (
      select workspace_id, body_id from spam_taught where taught_at < ${daysAgo(platform, taughtDays)}
      order by taught_at limit ${rowsMax})`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}

function daysAgo(platform: Platform, days: number): Date {
  return new Date(platform.clock.now().getTime() - days * 24 * 3600 * 1000)
}
