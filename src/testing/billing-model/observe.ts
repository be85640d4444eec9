/** What is in the database: of each workspace its mailboxes, plans and wallet, and what was billed since the last look. */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'
import type { Period } from './calendar.ts'

export type SeenMailbox = {
  id: string
  workspace_id: string
  domain_id: string
  service: string
  state: string
  /** Since when it is in its state. */
  since: number
  /** Where it comes back to when its deletion is taken back. */
  state_before_deletion: string | null
  purge_at: number | null
  period: Period
  next_period: Period | null
  anchor: number | null
  end: number | null
  cancel_at_period_end: boolean
  in_slot: boolean
  unpaid_since: number | null
  payment_suspension: string | null
  deletion_announced_for: number | null
  /** When an unpaid one is looked at again. */
  next_payment_at: number | null
}

export type SeenSubscription = {
  id: string
  workspace_id: string
  plan_id: string
  extra_slots: number
  state: string
  period: Period
  next_period: Period | null
  next_plan_id: string | null
  next_extra_slots: number | null
  anchor: number
  start: number
  end: number
  cancel_at_period_end: boolean
  unpaid_since: number | null
  deletion_at: number | null
  next_payment_at: number | null
}

export type SeenLine = {
  id: string
  invoice_id: string
  workspace_id: string
  kind: string
  item: string
  subject_id: string | null
  quantity: number
  unit_amount: number
  amount: number
  discount: number
  tax: number
  start: number | null
  end: number | null
  invoice_kind: string
  tax_rate: number
  /** Of a line of a credit note: whose money it gives back. */
  credited_line_id: string | null
  credited_invoice_id: string | null
}

export type SeenWallet = { workspace_id: string; balance: number; held: number }

/** Money that is put aside now. */
export type SeenHold = {
  id: string
  workspace_id: string
  cause: string
  cause_id: string
  unit_amount: number
  discount: number
  tax: number
  tax_rate: number
  total: number
}

export type Seen = {
  holds: Map<string, SeenHold[]>
  mailboxes: Map<string, SeenMailbox[]>
  subscriptions: Map<string, SeenSubscription[]>
  wallets: Map<string, SeenWallet>
  /** Those that are new. */
  lines: Map<string, SeenLine[]>
  transfers: Map<string, { kind: string; wallet: number; held: number }[]>
}

/** Where the last look ended. */
export type Seeing = { line: string; transfer: string }

export const fromTheBeginning: Seeing = {
  line: '00000000-0000-0000-0000-000000000000',
  transfer: '00000000-0000-0000-0000-000000000000',
}

/** Milliseconds since 1970 of a column. */
const ms = (column: string) => sql.raw(`(extract(epoch from ${column}) * 1000)::bigint`)

/** Nothing may run meanwhile. @returns what is there, and where the next look begins. */
export async function look(platform: Platform, seeing: Seeing): Promise<{ seen: Seen; next: Seeing }> {
  const { db } = platform
  const mailboxes = await sql<SeenMailbox>`/* prepared model_mailboxes */
    select id, workspace_id, domain_id, service, state, period, next_period, ${ms('period_anchor_at')} as anchor,
      ${ms('period_ends_at')} as end, cancel_at_period_end, in_slot, ${ms('unpaid_since')} as unpaid_since,
      payment_suspension, ${ms('deletion_announced_for')} as deletion_announced_for,
      ${ms('next_payment_at')} as next_payment_at, ${ms('state_changed_at')} as since, state_before_deletion,
      ${ms('purge_at')} as purge_at
    from mailboxes`.execute(db)
  const subscriptions = await sql<SeenSubscription>`/* prepared model_subscriptions */
    select id, workspace_id, plan_id, extra_slots, state, period, next_period, next_plan_id, next_extra_slots,
      ${ms('period_anchor_at')} as anchor, ${ms('period_started_at')} as start, ${ms('period_ends_at')} as end,
      cancel_at_period_end, ${ms('unpaid_since')} as unpaid_since, ${ms('deletion_at')} as deletion_at,
      ${ms('next_payment_at')} as next_payment_at
    from subscriptions`.execute(db)
  const wallets =
    await sql<SeenWallet>`/* prepared model_wallets */ select workspace_id, balance, held from wallets`.execute(
      db,
    )
  const lines = await sql<SeenLine>`/* prepared model_lines */
    select line.id, invoice_id, line.workspace_id, line.kind, item, subject_id, quantity, unit_amount, amount,
      line.discount, line.tax, ${ms('period_started_at')} as start, ${ms('period_ends_at')} as end,
      invoices.kind as invoice_kind, tax_rate_basis_points as tax_rate,
      credited_line_id, credited_invoice_id
    from invoice_lines as line join invoices on invoices.id = line.invoice_id
    where line.id > ${seeing.line}::uuid order by line.id`.execute(db)
  const transfers = await sql<{
    id: string
    workspace_id: string
    kind: string
    wallet: number
    held: number
  }>`
    /* prepared model_transfers */
    select transfer.id, transfer.workspace_id, kind,
      coalesce(sum(amount) filter (where account = 'wallet'), 0)::bigint as wallet,
      coalesce(sum(amount) filter (where account = 'held'), 0)::bigint as held
    from ledger_transfers as transfer join ledger_entries as entry on entry.transfer_id = transfer.id
    where transfer.id > ${seeing.transfer}::uuid group by transfer.id order by transfer.id`.execute(db)
  const holds = await sql<SeenHold>`/* prepared model_holds */
    select id, workspace_id, cause, cause_id, (lines -> 0 ->> 'unit_amount')::bigint as unit_amount,
      (lines -> 0 ->> 'discount')::bigint as discount, (lines -> 0 ->> 'tax')::bigint as tax,
      tax_rate_basis_points as tax_rate, total
    from wallet_holds where state = 'held'`.execute(db)
  return {
    seen: {
      holds: byWorkspace(holds.rows),
      mailboxes: byWorkspace(mailboxes.rows),
      subscriptions: byWorkspace(subscriptions.rows),
      wallets: new Map(wallets.rows.map((row) => [row.workspace_id, row])),
      lines: byWorkspace(lines.rows),
      transfers: byWorkspace(transfers.rows),
    },
    next: {
      line: lines.rows.at(-1)?.id ?? seeing.line,
      transfer: transfers.rows.at(-1)?.id ?? seeing.transfer,
    },
  }
}

function byWorkspace<T extends { workspace_id: string }>(rows: readonly T[]): Map<string, T[]> {
  return Map.groupBy(rows, ({ workspace_id }) => workspace_id)
}
