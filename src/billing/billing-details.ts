/** Billing details: who a workspace's invoices are for, which it says itself, and its tax, which the operator says. */
import type { Selectable } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { BillingDetailsTable } from './tables.ts'
import { requireOwner } from './wallets.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** Personal data: what it says is in no event. */
    'billing.details_changed': Record<string, never>
    'billing.tax_changed': { rate_basis_points: number; name: string | null }
  }
}

export type BillingDetails = Selectable<BillingDetailsTable>

export type BillingParty = Omit<
  BillingDetails,
  'workspace_id' | 'tax_rate_basis_points' | 'tax_name' | 'updated_at'
>

const nothing = {
  name: null,
  company: null,
  email: null,
  tax_id: null,
  address_lines: [],
  postal_code: null,
  city: null,
  region: null,
  country: null,
  tax_rate_basis_points: 0,
  tax_name: null,
}

/** @returns empty ones before any are given. */
export async function billingDetailsOf(
  db: Db,
  workspaceId: string,
): Promise<Omit<BillingDetails, 'updated_at'> & { updated_at: Date | null }> {
  const row = await db
    .selectFrom('billing_details')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return row ?? { workspace_id: workspaceId, ...nothing, updated_at: null }
}

/** Puts them in the place of those before; the tax stays. Invoices that are written keep what they say. */
export async function putBillingDetails(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  party: BillingParty,
): Promise<BillingDetails> {
  requireWrite(scope)
  requireWorkspace(scope)
  const { organizationId, workspaceId } = scope
  const details = await put(platform, tx, workspaceId, party)
  await appendEvents(platform, tx, [
    { type: 'billing.details_changed', organizationId, workspaceId, data: {} },
  ])
  return details
}

/** Holds for all bills from now on. @throws Refusal workspace_not_found. */
export async function putTax(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  tax: { rateBasisPoints: number; name: string | null },
): Promise<BillingDetails> {
  const { organizationId } = await requireOwner(tx, workspaceId)
  const { rateBasisPoints: rate_basis_points, name } = tax
  const details = await put(platform, tx, workspaceId, {
    tax_rate_basis_points: rate_basis_points,
    tax_name: name,
  })
  const data = { rate_basis_points, name }
  await appendEvents(platform, tx, [{ type: 'billing.tax_changed', organizationId, workspaceId, data }])
  return details
}

async function put(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  changes: BillingParty | Pick<BillingDetails, 'tax_rate_basis_points' | 'tax_name'>,
): Promise<BillingDetails> {
  const row = { ...changes, updated_at: platform.clock.now() }
  return await tx
    .insertInto('billing_details')
    .values({ ...nothing, ...row, workspace_id: workspaceId })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(row))
    .returningAll()
    .executeTakeFirstOrThrow()
}
