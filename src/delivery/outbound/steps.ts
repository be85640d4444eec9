/** The timeline of recipients: what happened to each, written with what it changed. */
import { type RawBuilder, sql } from 'kysely'
import { newId } from '../../platform/ids.ts'
import type { OutboundStep, StepDetail } from './tables.ts'

export type NewStep = { recipientId: string; step: OutboundStep; at: Date; detail: StepDetail }

/** The statement that adds steps, to be sent in the transaction of what they tell of. */
export function stepsStatement(steps: readonly NewStep[]): RawBuilder<unknown> {
  const rows = steps.map(({ recipientId, step, at, detail }) => ({
    id: newId(),
    recipient: recipientId,
    step,
    at,
    detail,
  }))
  return sql`/* prepared insert_outbound_steps */
    insert into outbound_steps (outbound_recipient_id, id, step, at, detail)
    select recipient, id, step, at, detail from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (recipient uuid, id uuid, step text, at timestamptz, detail jsonb)`
}
