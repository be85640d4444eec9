/** What a mailbox costs for a period: by its service and period, and by how many of those its workspace has. */
import { sql } from 'kysely'
import type { BillLine } from '../../billing/amounts.ts'
import type { Payer } from '../../billing/payers.ts'
import type { Period } from '../../billing/tables.ts'
import { hasSteps, unitPrice } from '../../billing/unit-prices.ts'
import type { Tx } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Service } from '../tables.ts'

export type Unit = { id: string; workspace_id: string; address: string; service: Service; period: Period }

/** In minor units before tax and discounts; null: it has no price. `at`: when the period begins; default: now. */
export type UnitPrices = (unit: Unit, at?: Date) => number | null

type Counted = { workspace_id: string; service: Service; period: Period }

export type AskedUnit = { unit: Unit; at?: Date }

/** How the count of units of a kind is about to change: what is asked for is not counted yet. */
export type CountChange = { unit: Unit; by: 1 | -1 }

/**
 * The prices of units, by the count of those that their workspaces then have; nothing is counted where no price asks for it.
 */
export async function unitPrices(
  tx: Tx,
  payers: ReadonlyMap<string, Payer>,
  asked: readonly AskedUnit[],
  changes: readonly CountChange[],
): Promise<UnitPrices> {
  const payerOf = (id: string): Payer => {
    const payer = payers.get(id)
    if (!payer) throw new Error('a mailbox is of no wallet')
    return payer
  }
  const stepped = new Set<string>()
  for (const { unit, at } of asked) {
    if (hasSteps(payerOf(unit.workspace_id), pricedAs(unit), at)) stepped.add(unit.workspace_id)
  }
  const counts = await countUnits(tx, [...stepped])
  for (const { unit, by } of stepped.size === 0 ? [] : changes) {
    counts.set(keyOf(unit), (counts.get(keyOf(unit)) ?? 0) + by)
  }
  return (unit, at) =>
    unitPrice(payerOf(unit.workspace_id), pricedAs(unit), Math.max(1, counts.get(keyOf(unit)) ?? 0), at)
}

function pricedAs({ service, period }: Unit) {
  return { item: 'mailbox', service, period } as const
}

function keyOf({ workspace_id, service, period }: Counted): string {
  return `${workspace_id} ${service} ${period}`
}

/** Those that are paid by price and not given up. */
async function countUnits(tx: Tx, workspaceIds: readonly string[]): Promise<Map<string, number>> {
  if (workspaceIds.length === 0) return new Map()
  const { rows } = await sql<Counted & { count: number }>`
    select workspace_id, service, coalesce(next_period, period) as period, count(*)::int as count from mailboxes
    where workspace_id = any(${uuidArray(workspaceIds)}) and not in_slot
      and state not in ('deleted', 'deletion_scheduled', 'failed', 'waiting_payment')
    group by workspace_id, service, coalesce(next_period, period)`.execute(tx)
  return new Map(rows.map((row) => [keyOf(row), row.count]))
}

/** The line of a period, as invoices show it. Without times: it begins when its hold is captured. */
export function periodLine(
  { id, address, service, period }: Unit,
  unitAmount: number,
  times?: { startsAt: Date; endsAt: Date },
): BillLine {
  return {
    kind: 'period',
    item: 'mailbox',
    subjectId: id,
    description: `Mailbox ${address} (${service}, ${period})`,
    quantity: 1,
    unitAmount,
    ...(times === undefined ? {} : { period: times }),
  }
}
