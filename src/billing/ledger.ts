/**
 * The ledger: double entry, append only. Every movement of money is a transfer whose entries sum to zero; the database
 * checks that, moves the wallet's balance with them, and keeps spending within its limit (schema.ts).
 */
import { type RawBuilder, sql } from 'kysely'
import { actorOf } from '../platform/actors.ts'
import { type Tx, violatedConstraint } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { Account, Cause, TransferKind } from './tables.ts'

export type NewTransfer = {
  organizationId: string
  workspaceId: string
  /** The wallet's. */
  currency: string
  /** What makes it the same transfer when it is asked for again. */
  key: string
  kind: TransferKind
  cause: Cause
  causeId: string | null
  invoiceId?: string | null
  /** Whether it may take the wallet below its limit. */
  forced?: boolean
  description: string
  /** In minor units, their sum zero; those of zero are left out. */
  entries: Partial<Record<Account, number>>
}

/**
 * Makes transfers. Those of several wallets: lock the wallets first (wallets.ts), so that two calls cannot wait for each
 * other. One that moves nothing is not written.
 * @returns the keys, with their workspaces, of those that are new; the others had been made before.
 * @throws BalanceTooLow when one would take a wallet below its limit; then the transaction is lost.
 */
export async function postTransfers(
  platform: Platform,
  tx: Tx,
  transfers: readonly NewTransfer[],
): Promise<Set<string>> {
  const news = newTransfers(transfers)
  if (news.length === 0) return new Set()
  const { rows: made } = await insertTransfers(platform, tx, news)
    .execute(tx)
    .catch((error: unknown) => {
      throw explained(error)
    })
  const ids = new Set(made.map((row) => row.transfer_id))
  return new Set(news.filter(({ id }) => ids.has(id)).map(({ workspaceId, key }) => `${workspaceId} ${key}`))
}

/**
 * The same as statements that the caller sends with others (`together`), and whose errors he throws `explained`; none when
 * nothing moves.
 */
export function transferStatements(
  platform: Platform,
  tx: Tx,
  transfers: readonly NewTransfer[],
): RawBuilder<unknown>[] {
  const news = newTransfers(transfers)
  return news.length === 0 ? [] : [insertTransfers(platform, tx, news)]
}

/** BalanceTooLow for what the database says of it; any other error as it is. */
export function explained(error: unknown): unknown {
  return violatedConstraint(error) === 'wallets_balance' ? new BalanceTooLow({ cause: error }) : error
}

type Row = Omit<NewTransfer, 'entries'> & { id: string; entries: [Account, number][] }

function newTransfers(transfers: readonly NewTransfer[]): Row[] {
  return transfers
    .map((transfer) => ({ id: newId(), ...transfer, entries: entriesOf(transfer) }))
    .filter(({ entries }) => entries.length > 0)
}

function insertTransfers(
  platform: Platform,
  tx: Tx,
  rows: readonly Row[],
): RawBuilder<{ transfer_id: string }> {
  const entries = rows.flatMap(({ id, workspaceId, entries }) =>
    entries.map(([account, amount]) => ({ transfer_id: id, account, workspace_id: workspaceId, amount })),
  )
  const news = rows.map((row) => ({
    id: row.id,
    organization_id: row.organizationId,
    workspace_id: row.workspaceId,
    key: row.key,
    kind: row.kind,
    cause: row.cause,
    cause_id: row.causeId,
    invoice_id: row.invoiceId ?? null,
    currency: row.currency,
    forced: row.forced ?? false,
    description: row.description,
  }))
  return sql<{ transfer_id: string }>`/* prepared post_transfers */
    with made as (
      insert into ledger_transfers (id, organization_id, workspace_id, key, kind, cause, cause_id, invoice_id, currency,
        forced, description, actor, created_at)
      select id, organization_id, workspace_id, key, kind, cause, cause_id, invoice_id, currency, forced, description,
        ${actorOf(tx)}::text, ${platform.clock.now()}::timestamptz
      from json_to_recordset(${JSON.stringify(news)}::json) as new (id uuid, organization_id uuid, workspace_id uuid,
        key text, kind text, cause text, cause_id uuid, invoice_id uuid, currency text, forced boolean, description text)
      on conflict (workspace_id, key) do nothing
      returning id
    )
    insert into ledger_entries (transfer_id, account, workspace_id, amount)
    select transfer_id, account, workspace_id, amount
    from json_to_recordset(${JSON.stringify(entries)}::json)
      as new (transfer_id uuid, account text, workspace_id uuid, amount bigint)
    where transfer_id in (select id from made)
    returning transfer_id`
}

/** A transfer asked for more than its wallet has: whoever holds the wallet's lock and has looked never meets it. */
export class BalanceTooLow extends Error {
  override name = 'BalanceTooLow'
  constructor(options: ErrorOptions) {
    super('the wallet does not have so much', options)
  }
}

function entriesOf({ entries }: NewTransfer): [Account, number][] {
  const accounts = Object.keys(entries) as Account[] // of a record whose keys are accounts
  return accounts.flatMap((account) => {
    const amount = entries[account] ?? 0
    return amount === 0 ? [] : [[account, amount]]
  })
}
