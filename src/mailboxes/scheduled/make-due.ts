/** Scheduled mailboxes whose time has come are bought, one by one: what keeps one from it is kept with it. */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { nameActor } from '../../platform/actors.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { type ErrorCode, Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { buyMailboxes } from '../purchases.ts'
import { type ScheduledMailbox, subjectOf } from './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.make_scheduled': Record<string, never>
  }
}

const dueMax = 100
const failedKeptDays = 90

/** The next that are due. @returns how many there were. */
export async function makeDueMailboxes(platform: Platform): Promise<number> {
  const { rows } = await sql<{ id: string }>`select id from scheduled_mailboxes
    where failed_at is null and attempt_at <= ${platform.clock.now()} order by attempt_at, id limit ${dueMax}`.execute(
    platform.db,
  )
  for (const { id } of rows) await makeOne(platform, id)
  return rows.length
}

async function makeOne(platform: Platform, id: string): Promise<void> {
  try {
    await transaction(platform.db, async (tx) => {
      const due = await takeDue(platform, tx, id)
      if (due) await make(platform, tx, due)
    })
  } catch (error) {
    if (error instanceof Refusal) {
      await transaction(platform.db, (tx) => noteRefusal(platform, tx, id, error))
      return
    }
    // The others must not wait for what is wrong with this one; without a database that fails, too.
    platform.log.error({ event: 'mailbox.scheduled_not_made', scheduled_mailbox_id: id, cause: error })
    await putOff(platform, platform.db, id)
  }
}

/** Another node may be at it, or it was canceled. */
async function takeDue(platform: Platform, tx: Tx, id: string): Promise<ScheduledMailbox | undefined> {
  const { rows } = await sql<ScheduledMailbox>`delete from scheduled_mailboxes where id = (
    select id from scheduled_mailboxes
    where id = ${id}::uuid and failed_at is null and attempt_at <= ${platform.clock.now()} for update skip locked
  ) returning *`.execute(tx)
  return rows[0]
}

async function make(platform: Platform, tx: Tx, due: ScheduledMailbox): Promise<void> {
  const scope: Scope = {
    organizationId: due.organization_id,
    workspaceId: due.workspace_id,
    mailboxId: null,
    access: 'write',
    actor: due.created_by,
  }
  nameActor(tx, scope.actor)
  const at = due.address.lastIndexOf('@')
  const wanted = {
    product: due.product,
    domain: due.address.slice(at + 1),
    localPart: due.address.slice(0, at),
    firstName: due.first_name ?? '',
    lastName: due.last_name ?? '',
  }
  const terms = { waitsForDomain: false, bindsDomain: true }
  const [mailbox] = await buyMailboxes(platform, tx, scope, [wanted], terms)
  await appendEvents(platform, tx, [
    {
      type: 'scheduled_mailbox.made',
      ...subjectOf(due),
      data: { scheduled_mailbox_id: due.id, address: due.address, mailbox_id: mailbox?.id ?? '' },
    },
  ])
}

/** What the end of a period brings: slots of mailboxes that go with it, and money, a little later than the moment itself. */
const passing: readonly ErrorCode[] = [
  'insufficient_funds',
  'wallet_locked',
  'item_not_priced',
  'mailbox_limit_reached',
]
const patienceMs = 2 * 3600 * 1000
const pauseMs = 10 * 60 * 1000

async function noteRefusal(platform: Platform, tx: Tx, id: string, { code, detail }: Refusal): Promise<void> {
  if (passing.includes(code) && (await putOff(platform, tx, id, patienceMs))) return
  const now = platform.clock.now()
  const { rows } = await sql<ScheduledMailbox>`update scheduled_mailboxes
    set failure_code = ${code}, failure_detail = ${detail}, failed_at = ${now}
    where id = ${id}::uuid and failed_at is null returning *`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'scheduled_mailbox.failed' as const,
      ...subjectOf(row),
      data: { scheduled_mailbox_id: row.id, address: row.address, code, detail },
    })),
  )
}

/** @param dueWithinMs only one whose time was so long ago at most. @returns whether it is tried again after a pause. */
async function putOff(platform: Platform, db: Db, id: string, dueWithinMs?: number): Promise<boolean> {
  const now = platform.clock.now().getTime()
  const { numUpdatedRows } = await db
    .updateTable('scheduled_mailboxes')
    .set({ attempt_at: new Date(now + pauseMs) })
    .where('id', '=', id)
    .where('failed_at', 'is', null)
    .$if(dueWithinMs !== undefined, (query) => query.where('due_at', '>', new Date(now - (dueWithinMs ?? 0))))
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Those that nobody has asked for again. @returns how many. */
export async function forgetFailedMailboxes(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - failedKeptDays * 24 * 3600 * 1000)
  const { numDeletedRows } = await platform.db
    .deleteFrom('scheduled_mailboxes')
    .where('failed_at', '<', before)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
