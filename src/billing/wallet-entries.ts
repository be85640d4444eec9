/** The entries of a wallet: every movement of its money, with its cause. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import type { Cause, TransferKind } from './tables.ts'

export const transferKinds = [
  'top_up',
  'promotion',
  'correction',
  'charge',
  'hold',
  'capture',
  'release',
  'credit',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversal',
] as const satisfies readonly TransferKind[]

export type WalletEntry = {
  id: string
  kind: TransferKind
  /** How it moved the balance, and what is put aside. */
  amount: number
  held: number
  currency: string
  cause: Cause
  cause_id: string | null
  invoice_id: string | null
  description: string
  actor: string | null
  created_at: Date
}

export type EntryFilter = { kind: TransferKind | null; since: Date | null; until: Date | null }

const columns = sql`id, kind, currency, cause, cause_id, invoice_id, description, actor, created_at,
      coalesce((select amount from ledger_entries where transfer_id = transfer.id and account = 'wallet'), 0) as amount,
      coalesce((select amount from ledger_entries where transfer_id = transfer.id and account = 'held'), 0) as held`

/** The newest first. */
export async function listWalletEntries(
  platform: Platform,
  scope: Scope,
  { kind, since, until }: EntryFilter,
  page: PageRequest,
): Promise<Page<WalletEntry>> {
  requireWorkspace(scope)
  const { rows } = await sql<WalletEntry>`
    select ${columns}
    from ledger_transfers as transfer
    where workspace_id = ${scope.workspaceId}::uuid
      and (${page.after}::uuid is null or id < ${page.after}::uuid)
      and (${kind}::text is null or kind = ${kind})
      and (${since}::timestamptz is null or created_at >= ${since})
      and (${until}::timestamptz is null or created_at < ${until})
    order by id desc limit ${page.limit + 1}`.execute(platform.db)
  return toPage(rows, page)
}

/** The same for faces that count pages, without a filter. @throws Refusal forbidden. */
export async function numberWalletEntries(
  { db }: Platform,
  scope: Scope,
  page: NumberedPage,
): Promise<Numbered<WalletEntry>> {
  requireWorkspace(scope)
  const { workspaceId } = scope
  const { rows } = await sql<WalletEntry>`
    select ${columns}
    from ledger_transfers as transfer
    where workspace_id = ${workspaceId}::uuid
    order by id desc limit ${page.size} offset ${offsetOf(page)}`.execute(db)
  const { total } = await db
    .selectFrom('ledger_transfers')
    .select((of) => of.fn.countAll<string>().as('total'))
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirstOrThrow()
  return { rows, total: Number(total) }
}
