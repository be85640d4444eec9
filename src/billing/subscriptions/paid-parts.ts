/** What was really paid for the rest of a subscription's present period. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import type { PaidPart } from './proration.ts'
import type { Subscription } from './rows.ts'

/** As the invoices say, less what credit notes have given back of their lines. */
export async function paidParts(tx: Tx, subscription: Subscription): Promise<PaidPart[]> {
  const { id, plan_invoice_id, slots_invoice_id, period_ends_at } = subscription
  const { rows } = await sql<PaidPart>`
    select line.item, line.period_started_at as "startsAt",
      greatest(0, line.amount - line.discount + coalesce((
        select sum(credit.amount - credit.discount)
        from invoices as note join invoice_lines as credit on credit.invoice_id = note.id
        where note.credited_invoice_id = line.invoice_id and credit.credited_line_id = line.id), 0))::bigint as net
    from invoice_lines as line
    where (line.invoice_id = ${plan_invoice_id}::uuid and line.item = 'plan'
        or line.invoice_id = ${slots_invoice_id}::uuid and line.item = 'plan_slot')
      and line.subject_id = ${id}::uuid and line.period_ends_at = ${period_ends_at}::timestamptz
      and line.kind <> 'credit' and line.amount > 0
    order by line.item`.execute(tx)
  return rows
}
