/**
 * Numbers of invoices, without a gap: given by a job behind each other, so that those who buy at the same moment need not
 * wait for each other's commit (docs/decisions/0037).
 */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.invoice_issued': { invoice_id: string; number: string; total: number; currency: string }
    /** `total` is negative, and what came to the wallet. */
    'billing.credit_note_issued': {
      invoice_id: string
      number: string
      credited_invoice_id: string
      total: number
      currency: string
    }
  }
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'billing.number_invoices': Record<string, never>
  }
}

const batchMax = 1000

type Numbered = {
  id: string
  organization_id: string
  workspace_id: string
  number: string
  credited_invoice_id: string | null
  total: number
  currency: string
}

/**
 * Numbers the oldest invoices and credit notes that have none, each kind in its own series, and writes on them who issues
 * them.
 * @returns how many.
 */
export async function numberInvoices(platform: Platform): Promise<number> {
  const { rows } = await sql`select 1 from invoices where number is null limit 1`.execute(platform.db)
  if (rows.length === 0) return 0
  return await transaction(platform.db, async (tx) => {
    // A statement of its own: the next one has to see what the holder of the lock before has numbered.
    await sql`select kind from invoice_series order by kind for update`.execute(tx)
    const { rows: numbered } = await sql<Numbered>`
      with waiting as (
        select id, kind, created_at from invoices where number is null order by created_at, id limit ${batchMax}
      ), placed as (
        select waiting.id, series.last_sequence
            + row_number() over (partition by waiting.kind order by waiting.created_at, waiting.id) as sequence
        from waiting join invoice_series as series on series.kind = waiting.kind
      ), numbered as (
        update invoices set sequence = placed.sequence, issuer = settings.issuer,
          number = case invoices.kind when 'invoice' then settings.invoice_prefix else settings.credit_note_prefix end
            || lpad(placed.sequence::text, greatest(6, length(placed.sequence::text)), '0'),
          numbered_at = ${platform.clock.now()}
        from placed, billing_settings as settings where invoices.id = placed.id
        returning invoices.*
      ), moved as (
        update invoice_series set last_sequence = last.sequence
        from (select kind, max(sequence) as sequence from numbered group by kind) as last
        where last.kind = invoice_series.kind
      )
      select id, organization_id, workspace_id, number, credited_invoice_id, total, currency from numbered
      order by sequence`.execute(tx)
    await appendEvents(platform, tx, numbered.map(eventOf))
    return numbered.length
  })
}

function eventOf(row: Numbered): NewEvent {
  const { organization_id: organizationId, workspace_id: workspaceId, credited_invoice_id } = row
  const data = { invoice_id: row.id, number: row.number, total: row.total, currency: row.currency }
  return credited_invoice_id === null
    ? { type: 'billing.invoice_issued', organizationId, workspaceId, data }
    : {
        type: 'billing.credit_note_issued',
        organizationId,
        workspaceId,
        data: { ...data, credited_invoice_id },
      }
}

// Whoever reads an invoice does not work off what a large renewal has left to the job.
const batchesOnDemand = 5

/** For who shows invoices: numbers what waits, in its order, as far as that takes no long time. */
export async function numberOnDemand(platform: Platform): Promise<void> {
  for (let batch = 0; batch < batchesOnDemand && (await numberInvoices(platform)) === batchMax; batch++);
}
