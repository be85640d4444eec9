/** What has come into a wallet from outside: against it, what is there says what was spent. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type Migrations, sqlMigration } from '../platform/migrations.ts'
import type { Platform } from '../platform/platform.ts'
import type { TransferKind } from './tables.ts'

/** Money that came or went back, presents, and mistakes mended: all that is no purchase. */
const incomeKinds = [
  'top_up',
  'promotion',
  'correction',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversal',
] as const satisfies readonly TransferKind[]

const isIncome = sql.raw(`kind in (${incomeKinds.map((kind) => `'${kind}'`).join(', ')})`)

/** They are few among the charges. */
export const incomeMigrations: Migrations = {
  '0065_wallet_income': sqlMigration(
    `create index ledger_transfers_income on ledger_transfers (workspace_id)
      where kind in ('top_up', 'promotion', 'correction', 'refund', 'refund_failed', 'dispute', 'dispute_reversal')`,
  ),
}

/** @returns in minor units; what was paid back is not in it. @throws Refusal forbidden. */
export async function walletIncome({ db }: Platform, scope: Scope): Promise<number> {
  requireWorkspace(scope)
  const { rows } = await sql<{ amount: string | null }>`
    select sum(entry.amount)::text as amount
    from ledger_transfers as transfer join ledger_entries as entry on entry.transfer_id = transfer.id
    where transfer.workspace_id = ${scope.workspaceId}::uuid and transfer.${isIncome} and account = 'wallet'`.execute(
    db,
  )
  return Number(rows[0]?.amount ?? 0)
}
