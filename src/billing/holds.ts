/**
 * Holds: money put aside for what is not there yet. It is captured, and becomes an invoice, when that is delivered, and
 * released when it is not.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type BillLine, priceLine, sumsOf } from './amounts.ts'
import { invoiceWrites, type NewInvoice, spendable, takeFrom } from './bills.ts'
import { postTransfers, transferStatements } from './ledger.ts'
import { lowBalanceEvents, topUpStatements } from './low-balance.ts'
import { lockPayers, type Payer } from './payers.ts'
import type { Cause, PricedLine, WalletHoldsTable } from './tables.ts'
import { countCharge, tallyOf } from './trials.ts'
import { noWrites, send, type Writes } from './writes.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.held': {
      hold_id: string
      amount: number
      currency: string
      balance: number
      description: string
    }
    'billing.released': { hold_id: string; amount: number; currency: string; balance: number }
  }
}

export type Hold = Selectable<WalletHoldsTable>

export type NewHold = {
  payer: Payer
  /** With its id, of which one hold is open at most. */
  cause: Cause
  causeId: string
  description: string
  /** Of a period, without its times: it begins when the hold is captured. */
  lines: readonly BillLine[]
}

/**
 * Puts money aside, in the order of the holds, as far as it is there; where nothing is to be paid nothing is written, and
 * it counts as put aside. In a trial everything is, and is counted.
 * @returns for each by how much the wallet had too little; 0: it is put aside.
 */
export async function putAside(platform: Platform, tx: Tx, holds: readonly NewHold[]): Promise<number[]> {
  const { shortfalls, writes } = draftHolds(platform, tx, holds)
  await send(platform, tx, writes)
  return shortfalls
}

/** The same without writing it: the wallets are as they then will be, and the caller sends what is to be written. */
export function draftHolds(
  platform: Platform,
  tx: Tx,
  holds: readonly NewHold[],
): { shortfalls: number[]; writes: Writes } {
  const rows: (Hold & { payer: Payer; description: string; before: number })[] = []
  const events: NewEvent[] = []
  const now = platform.clock.now()
  const shortfalls = holds.map((hold) => {
    const { payer, cause, causeId, description } = hold
    const lines = hold.lines.map((line) => priceLine(payer, line)).filter((line) => line.unit_amount !== 0)
    const { total } = sumsOf(lines)
    const missing = total - Math.max(0, spendable(tx, payer))
    if (total > 0 && missing > 0) return missing
    if (lines.length === 0) return 0
    const before = payer.wallet.balance
    takeFrom(tx, payer, total)
    payer.wallet.held += total
    const { organizationId, workspaceId, wallet, taxRateBasisPoints: tax_rate_basis_points } = payer
    const { currency, balance } = wallet
    const id = newId()
    const ids = { id, organization_id: organizationId, workspace_id: workspaceId, cause, cause_id: causeId }
    const sums = { lines, total, currency, tax_rate_basis_points }
    rows.push({
      ...ids,
      ...sums,
      state: 'held',
      invoice_id: null,
      created_at: now,
      ended_at: null,
      payer,
      description,
      before,
    })
    const data = { hold_id: id, amount: total, currency, balance, description }
    events.push(
      { type: 'billing.held', organizationId, workspaceId, data },
      ...lowBalanceEvents(payer, before),
    )
    return 0
  })
  if (rows.length === 0) return { shortfalls, writes: noWrites }
  const transfers = transferStatements(
    platform,
    tx,
    rows.map(({ payer, id, cause, cause_id, total, currency, description }) => ({
      organizationId: payer.organizationId,
      workspaceId: payer.workspaceId,
      currency,
      key: `hold:${id}`,
      kind: 'hold',
      cause,
      causeId: cause_id,
      forced: tallyOf(tx) !== null,
      description,
      entries: { wallet: -total, held: total },
    })),
  )
  const statements = [holdsStatement(rows), ...transfers, ...topUpStatements(tx, rows)]
  return { shortfalls, writes: { statements, events } }
}

function holdsStatement(rows: readonly Hold[]): RawBuilder<unknown> {
  const columns = rows.map(({ id, organization_id, workspace_id, cause, cause_id, lines, ...rest }) => {
    const { tax_rate_basis_points, total, currency, created_at } = rest
    const ids = { id, organization_id, workspace_id, cause, cause_id }
    return { ...ids, lines, tax_rate_basis_points, total, currency, created_at }
  })
  return sql`/* prepared insert_holds */
    insert into wallet_holds (id, organization_id, workspace_id, cause, cause_id, state, lines,
      tax_rate_basis_points, total, currency, created_at)
    select id, organization_id, workspace_id, cause, cause_id, 'held', lines, tax_rate_basis_points, total, currency,
      created_at
    from json_to_recordset(${JSON.stringify(columns)}::json) as new (id uuid, organization_id uuid, workspace_id uuid,
      cause text, cause_id uuid, lines jsonb, tax_rate_basis_points integer, total bigint, currency text,
      created_at timestamptz)`
}

export type Capture = {
  causeId: string
  /** Where the lines are of a period that begins now. */
  period?: { startsAt: Date; endsAt: Date }
  /** What it costs the platform, where that was not known when the money was put aside. */
  cost?: number | null
}

/**
 * Turns what was put aside into invoices, one for each workspace.
 * @param captures of one cause.
 * @returns the causes' ids that had a hold, each with its invoice.
 */
export async function captureHolds(
  platform: Platform,
  tx: Tx,
  cause: Cause,
  captures: readonly Capture[],
  description: string,
): Promise<Map<string, string>> {
  const wanted = new Map(captures.map((capture) => [capture.causeId, capture]))
  const { holds, payers } = await lockHolds(platform, tx, cause, [...wanted.keys()])
  const invoices = new Map<string, NewInvoice & { holds: Hold[] }>()
  for (const hold of holds) {
    const payer = payers.get(hold.workspace_id)
    if (!payer) throw new Error('a hold is of no wallet')
    const capture = wanted.get(hold.cause_id)
    const lines = capture === undefined ? hold.lines : hold.lines.map((line) => capturedLine(line, capture))
    // An invoice has one tax rate.
    const key = `${hold.workspace_id} ${hold.tax_rate_basis_points}`
    const invoice = invoices.get(key)
    invoices.set(key, {
      payer,
      id: invoice?.id ?? newId(),
      cause,
      causeId: invoice ? null : hold.cause_id,
      description,
      lines: [...(invoice?.lines ?? []), ...lines],
      source: 'held',
      taxRateBasisPoints: hold.tax_rate_basis_points,
      holds: [...(invoice?.holds ?? []), hold],
    })
  }
  await send(platform, tx, invoiceWrites(platform, tx, [...invoices.values()]))
  const byCause = new Map<string, string>()
  for (const invoice of invoices.values()) {
    await endHolds(platform, tx, invoice.holds, 'captured', invoice.id)
    for (const hold of invoice.holds) byCause.set(hold.cause_id, invoice.id)
  }
  return byCause
}

function capturedLine(line: PricedLine, { period, cost = line.cost }: Capture): PricedLine {
  if (line.kind !== 'period' || period === undefined) return { ...line, cost }
  const times = {
    period_started_at: period.startsAt.toISOString(),
    period_ends_at: period.endsAt.toISOString(),
  }
  return { ...line, ...times, cost }
}

/** Gives back what was put aside. Without a hold nothing happens. @param causeIds of one cause. */
export async function releaseHolds(
  platform: Platform,
  tx: Tx,
  cause: Cause,
  causeIds: readonly string[],
): Promise<void> {
  const { holds, payers } = await lockHolds(platform, tx, cause, causeIds)
  if (holds.length === 0) return
  await endHolds(platform, tx, holds, 'released', null)
  await postTransfers(
    platform,
    tx,
    holds.map((hold) => ({
      organizationId: hold.organization_id,
      workspaceId: hold.workspace_id,
      currency: hold.currency,
      key: `release:${hold.id}`,
      kind: 'release',
      cause,
      causeId: hold.cause_id,
      description: 'Released: what it was put aside for did not come.',
      entries: { held: -hold.total, wallet: hold.total },
    })),
  )
  const events = holds.map((hold): NewEvent => {
    const payer = payers.get(hold.workspace_id)
    if (!payer) throw new Error('a hold is of no wallet')
    payer.wallet.held -= hold.total
    payer.wallet.balance += hold.total
    countCharge(tx, { amount: -hold.total, currency: hold.currency })
    const { organization_id: organizationId, workspace_id: workspaceId, id: hold_id, total: amount } = hold
    const { currency, balance } = payer.wallet
    return {
      type: 'billing.released',
      organizationId,
      workspaceId,
      data: { hold_id, amount, currency, balance },
    }
  })
  await appendEvents(platform, tx, events)
}

/** Locks the wallets first, and then their open holds. */
async function lockHolds(
  platform: Platform,
  tx: Tx,
  cause: Cause,
  causeIds: readonly string[],
): Promise<{ holds: Hold[]; payers: Map<string, Payer> }> {
  const open = sql`cause = ${cause} and cause_id = any(${uuidArray(causeIds)}) and state = 'held'`
  const { rows: owners } = await sql<{ organization_id: string; workspace_id: string }>`
    select distinct organization_id, workspace_id from wallet_holds where ${open}`.execute(tx)
  if (owners.length === 0) return { holds: [], payers: new Map() }
  const payers = await lockPayers(
    platform,
    tx,
    owners.map((row) => ({ organizationId: row.organization_id, workspaceId: row.workspace_id })),
    [],
  )
  const { rows: holds } = await sql<Hold>`
    select * from wallet_holds where ${open} order by id for update`.execute(tx)
  return { holds, payers }
}

async function endHolds(
  platform: Platform,
  tx: Tx,
  holds: readonly Hold[],
  state: 'captured' | 'released',
  invoiceId: string | null,
): Promise<void> {
  await sql`update wallet_holds set state = ${state}, invoice_id = ${invoiceId}::uuid, ended_at = ${platform.clock.now()}
    where id = any(${uuidArray(holds.map(({ id }) => id))})`.execute(tx)
}
