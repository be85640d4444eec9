/** A destination that cannot be reached: everything that is due for it waits, and knows why, without being tried. */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { AttemptDetail } from './outcome.ts'
import { type NewStep, stepsStatement } from './steps.ts'

export type Postponement = {
  domain: string
  /** Word for word, or why there was none. */
  reply: string
  class: string
  detail: AttemptDetail
}

// One transaction does not hold up the readers of the event log for long.
const rowsPerStatement = 2000

type Row = {
  id: string
  outbound_message_id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  rcpt_to: string
  next_attempt_at: Date
  attempts: number
}

/** Puts off all queued recipients of a domain that are due and have not expired. @returns how many. */
export async function postponeDomain(platform: Platform, postponement: Postponement): Promise<number> {
  for (let total = 0; ; ) {
    const postponed = await postponeSome(platform, postponement)
    total += postponed
    if (postponed < rowsPerStatement) return total
  }
}

async function postponeSome(platform: Platform, { domain, reply, ...rest }: Postponement): Promise<number> {
  const now = platform.clock.now()
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Row>`
      update outbound_recipients r set attempts = attempts + 1, last_reply = ${reply}::text,
        last_class = ${rest.class}::text, next_attempt_at = least(expires_at, ${now}::timestamptz
          + (${[...platform.config.retrySchedule]}::int[])[
              least(attempts + 1, ${platform.config.retrySchedule.length}::int)] * (0.9 + 0.2 * random()) * interval '1 second')
      where id in (
        select id from outbound_recipients where state = 'queued' and domain = ${domain}::text
          and next_attempt_at <= ${now}::timestamptz and expires_at > ${now}::timestamptz
        order by next_attempt_at, id limit ${rowsPerStatement}::int for update skip locked
      )
      returning id, outbound_message_id, organization_id, workspace_id, mailbox_id, rcpt_to, next_attempt_at,
        attempts`.execute(tx)
    if (rows.length === 0) return 0
    await stepsStatement(
      rows.map((row): NewStep => {
        const until = row.next_attempt_at.toISOString()
        const detail = { ...rest.detail, reply, class: rest.class, until }
        return { recipientId: row.id, step: 'deferred', at: now, detail }
      }),
    ).execute(tx)
    await appendEvents(
      platform,
      tx,
      rows.map((row) => eventOf(row, reply, rest.class)),
    )
    return rows.length
  })
}

function eventOf(row: Row, reply: string, kind: string): NewEvent {
  return {
    type: 'message.deferred',
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    mailboxId: row.mailbox_id,
    data: {
      outbound_message_id: row.outbound_message_id,
      outbound_recipient_id: row.id,
      rcpt_to: row.rcpt_to,
      reply,
      class: kind,
      until: row.next_attempt_at.toISOString(),
      attempts: row.attempts,
    },
  }
}
