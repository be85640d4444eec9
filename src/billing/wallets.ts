/** Wallets as they are looked at, and what their own workspace sets. Money moves through bills.ts, holds.ts, credits.ts. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { type Owner, openWallets, type Wallet } from './payers.ts'
import { billingSettingsOf } from './settings.ts'
import type { WalletHoldsTable } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.wallet_changed': { low_balance: number | null; credit_limit: number; currency: string }
  }
}

/** The workspace's wallet; before it has one, an empty one as it would be opened. */
export async function walletOf(
  platform: Platform,
  { organizationId, workspaceId }: Owner,
  db: Db = platform.db,
): Promise<Wallet> {
  const wallet = await db
    .selectFrom('wallets')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  if (wallet) return wallet
  const now = platform.clock.now()
  return {
    workspace_id: workspaceId,
    organization_id: organizationId,
    currency: (await billingSettingsOf(db)).currency,
    balance: 0,
    held: 0,
    credit_limit: 0,
    low_balance: null,
    locked_at: null,
    lock_reason: null,
    auto_top_up_below: null,
    created_at: now,
    updated_at: now,
  }
}

/** @param lowBalance under which `billing.balance_low` is told; null: never. */
export async function setLowBalance(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  lowBalance: number | null,
): Promise<Wallet> {
  requireWrite(scope)
  requireWorkspace(scope)
  await openWallets(platform, tx, [scope])
  const wallet = await tx
    .updateTable('wallets')
    .set({ low_balance: lowBalance, updated_at: platform.clock.now() })
    .where('workspace_id', '=', scope.workspaceId)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellChanged(platform, tx, wallet)
  return wallet
}

export async function tellChanged(platform: Platform, tx: Tx, wallet: Wallet): Promise<void> {
  const { organization_id: organizationId, workspace_id: workspaceId, ...rest } = wallet
  const { low_balance, credit_limit, currency } = rest
  const data = { low_balance, credit_limit, currency }
  await appendEvents(platform, tx, [{ type: 'billing.wallet_changed', organizationId, workspaceId, data }])
}

export type OpenHold = Selectable<WalletHoldsTable>

/** What is put aside now, the oldest first. */
export async function listOpenHolds(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<OpenHold>> {
  requireWorkspace(scope)
  const rows = await platform.db
    .selectFrom('wallet_holds')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', '=', 'held')
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type WalletFilter = { negative: boolean | null; locked: boolean | null }

/** The wallets of all tenants, for the operator. */
export async function listWallets(
  platform: Platform,
  { negative, locked }: WalletFilter,
  page: PageRequest,
): Promise<Page<Wallet & { id: string }>> {
  const { rows } = await sql<Wallet & { id: string }>`
    select *, workspace_id as id from wallets
    where (${negative}::boolean is null or (balance < 0) = ${negative})
      and (${locked}::boolean is null or (locked_at is not null) = ${locked})
      and (${page.after}::uuid is null or workspace_id > ${page.after}::uuid)
    order by workspace_id limit ${page.limit + 1}`.execute(platform.db)
  return toPage(rows, page)
}

/** Of any tenant's workspace, also a deleted one: its books stay. @throws Refusal workspace_not_found. */
export async function requireOwner(db: Db, workspaceId: string): Promise<Owner> {
  const row = isId(workspaceId)
    ? await db
        .selectFrom('workspaces')
        .select(['id', 'organization_id'])
        .where('id', '=', workspaceId)
        .executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('workspace_not_found')
  return { organizationId: row.organization_id, workspaceId: row.id }
}
