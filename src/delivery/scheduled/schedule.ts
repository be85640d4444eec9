/** Putting a message off: the copy in Sent is there at once, everyone gets it at its time and nobody before. */
import type { MailboxOwner } from '../../messages/owner.ts'
import type { StoredMessage } from '../../messages/store.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { NewJob } from '../../platform/jobs.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ScheduledEnvelope } from './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'delivery.send_due': Record<string, never>
  }
}

export const scheduledPerMailboxMax = 10_000

/** What has to be known of a message to send it later. */
export type NewSchedule = {
  id: string
  bodyId: string
  headerMessageId: string
  envelope: ScheduledEnvelope
  subject: string
  sendAt: Date
  /** Somebody other than its sender has approved it. */
  isApproved: boolean
}

/**
 * Writes the row of a message whose copy is stored and whose body is held under the row's id. Under the mailbox's lock.
 * @throws Refusal schedule_limit_reached.
 */
export async function insertScheduled(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  schedule: NewSchedule,
  sent: StoredMessage,
): Promise<void> {
  await requireRoomForOne(tx, owner)
  await tx
    .insertInto('scheduled_messages')
    .values({
      mailbox_id: owner.mailboxId,
      id: schedule.id,
      organization_id: owner.organizationId,
      workspace_id: owner.workspaceId,
      message_id: sent.id,
      body_id: schedule.bodyId,
      header_message_id: schedule.headerMessageId,
      envelope: JSON.stringify(schedule.envelope),
      subject: schedule.subject,
      send_at: schedule.sendAt,
      next_attempt_at: schedule.sendAt,
      last_problem: null,
      is_approved: schedule.isApproved,
      created_at: platform.clock.now(),
    })
    .execute()
  await addJobs(tx, [sendingAt(schedule.id, schedule.sendAt)])
  const data = {
    scheduled_message_id: schedule.id,
    message_id: sent.id,
    send_at: schedule.sendAt.toISOString(),
  }
  await appendEvents(platform, tx, [{ type: 'message.scheduled', ...owner, data }])
}

async function requireRoomForOne(tx: Tx, { mailboxId }: MailboxOwner): Promise<void> {
  const { count } = await tx
    .selectFrom('scheduled_messages')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  if (Number(count) >= scheduledPerMailboxMax) throw new Refusal('schedule_limit_reached')
}

/** The database's clock starts jobs, ours says what is due: a little later, so that they need not agree to the millisecond. */
const clocksApartMs = 250

/** The job that looks at that time for what is due. It looks every minute anyway. */
export function sendingAt(id: string, at: Date): NewJob {
  const runAt = new Date(at.getTime() + clocksApartMs)
  return { name: 'delivery.send_due', payload: {}, runAt, key: `delivery.send_due:${id}` }
}
