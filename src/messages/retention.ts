/**
 * Clean-up of Trash and Junk: what has been there for longer than the mailbox's policy says is expunged.
 *
 * Every such folder has the time of its next visit, `clean_up_at`, and an index finds those that are due, so that a run
 * costs what there is to do, however many mailboxes there are. Nobody else moves that time: what comes into a folder
 * after a visit cannot be due before the days of the policy have passed again. A visit is planned for when the oldest
 * message will be due, but for no later than `visitDaysMax`, because the program's defaults may change.
 */
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { expungeMessages } from './changes.ts'
import type { MailboxOwner } from './owner.ts'
import { storedNone } from './policies.ts'
import { dayMs } from './removal.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'retention.clean_up': Record<string, never>
    'retention.replan': { workspace_id: string }
  }
}

const visitDaysMax = 7
/** Between two visits of a folder, and how late a clean-up may be. */
export const visitHoursMin = 6
const foldersPerVisit = 200
/** Of one transaction, during which the folder is locked. */
export const expungedPerStep = 1000

/** Visits a batch of due folders. @returns how many: 0 when none is due. */
export async function cleanUpDueFolders(platform: Platform): Promise<number> {
  const visited = await visitFolders(platform)
  for (const folder of visited) {
    if (folder.overdue) await cleanUpFolder(platform, folder, folder.folderId, folder.days)
  }
  return visited.length
}

type Visited = MailboxOwner & { folderId: string; days: number; overdue: boolean }

/**
 * Takes due folders and plans their next visit: no other node looks at them now, and one whose clean-up fails is
 * visited again. Folders that are locked just now stay due.
 */
async function visitFolders(platform: Platform): Promise<Visited[]> {
  const now = platform.clock.now()
  const { trashDays, junkDays } = platform.config
  const soonest = new Date(now.getTime() + visitHoursMin * 3600 * 1000)
  const latest = new Date(now.getTime() + visitDaysMax * dayMs)
  const { rows } = await sql<Visited>`
    with due as materialized (
      select mailbox_id, id, special_use from folders
      where special_use in ('trash', 'junk') and clean_up_at <= ${now}
      order by clean_up_at limit ${foldersPerVisit} for no key update skip locked
    ), judged as materialized (
      select due.mailbox_id, due.id, mailboxes.organization_id, mailboxes.workspace_id, nullif(policy.days, ${storedNone}::int) as days,
        (select saved_at from messages where messages.mailbox_id = due.mailbox_id and messages.folder_id = due.id
          order by uid limit 1) as oldest
      from due join mailboxes on mailboxes.id = due.mailbox_id
        left join mail_policies as own
          on own.workspace_id = mailboxes.workspace_id and own.mailbox_id = mailboxes.id
        left join mail_policies as general
          on general.workspace_id = mailboxes.workspace_id and general.mailbox_id is null
        cross join lateral (select case special_use
          when 'trash' then coalesce(own.trash_days, general.trash_days, ${trashDays ?? storedNone}::int)
          else coalesce(own.junk_days, general.junk_days, ${junkDays ?? storedNone}::int) end) as policy (days)
    ), planned as (
      update folders set clean_up_at = greatest(${soonest}::timestamptz,
        least(${latest}::timestamptz, coalesce(oldest, ${now}::timestamptz) + days * interval '1 day'))
      from judged where folders.mailbox_id = judged.mailbox_id and folders.id = judged.id
    )
    select organization_id as "organizationId", workspace_id as "workspaceId", mailbox_id as "mailboxId",
      id as "folderId", coalesce(days, 0) as days,
      coalesce(oldest + days * interval '1 day' <= ${now}::timestamptz, false) as overdue
    from judged`.execute(platform.db)
  return rows
}

/** UIDs rise with the time that a message came into its folder: what is too old stands first. */
async function cleanUpFolder(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  days: number,
): Promise<void> {
  const before = new Date(platform.clock.now().getTime() - days * dayMs)
  const { organizationId, workspaceId, mailboxId } = owner
  for (;;) {
    const { rows } = await sql<{ uid: number }>`
      select uid from (
        select uid, saved_at from messages where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
        order by uid limit ${expungedPerStep}
      ) as first where saved_at <= ${before}`.execute(platform.db)
    if (rows.length === 0) return
    const uids = rows.map((row) => row.uid)
    const whose = { organizationId, workspaceId, mailboxId }
    await transaction(platform.db, (tx) => expungeMessages(platform, tx, whose, folderId, uids))
    if (rows.length < expungedPerStep) return
  }
}

const mailboxesPerReplan = 1000

/** Has the Trash and Junk folders of all mailboxes of a workspace visited, whose policy has changed. */
export async function replanWorkspace(platform: Platform, workspaceId: string): Promise<void> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const mailboxes = await platform.db
      .selectFrom('mailboxes')
      .select('id')
      .where('workspace_id', '=', workspaceId)
      .where('state', '<>', 'deleted')
      .where('id', '>', after)
      .orderBy('id')
      .limit(mailboxesPerReplan)
      .execute()
    const last = mailboxes.at(-1)
    if (!last) return
    const ids = mailboxes.map(({ id }) => id)
    await transaction(platform.db, async (tx) => {
      await replanStatement(ids).execute(tx)
    })
    after = last.id
  }
}

/** Has the Trash and Junk folders of mailboxes visited at the next chance. */
export function replanStatement(mailboxIds: readonly string[]) {
  return sql`
    with locked as materialized (
      select mailbox_id, id from folders
      where mailbox_id = any(${uuidArray(mailboxIds)}) and special_use in ('trash', 'junk')
      order by mailbox_id, id for no key update
    )
    update folders set clean_up_at = 'epoch' from locked
    where folders.mailbox_id = locked.mailbox_id and folders.id = locked.id`
}
