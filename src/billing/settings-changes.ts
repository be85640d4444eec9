/** Changing the operator's terms, within bounds and so that what is written already stays true. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isCurrency } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { lockCatalogue } from './catalogue/prices.ts'
import { type BillingSettings, billingSettingsOf } from './settings.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'billing.settings_changed': { changed: string[] }
  }
}

export type SettingsChanges = Partial<Omit<BillingSettings, 'is_only' | 'updated_at'>>

/** @throws Refusal invalid_request, billing_currency_in_use. */
export async function changeBillingSettings(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  changes: SettingsChanges,
): Promise<BillingSettings> {
  await lockCatalogue(tx)
  const before = await billingSettingsOf(tx)
  const after = { ...before, ...changes, updated_at: platform.clock.now() }
  const settings = {
    ...after,
    notice_days: [...new Set(after.notice_days)].sort((a, b) => b - a),
    retry_hours: [...new Set(after.retry_hours)].sort((a, b) => a - b),
  }
  if (settings.delete_after_days < settings.suspend_after_days)
    throw wrong('delete_after_days', 'is before the suspension')
  if (settings.currency !== before.currency) await changeCurrency(platform, tx, settings.currency)
  await checkPrefixes(tx, settings)
  const { issuer, is_only: _, ...rest } = settings
  await tx
    .updateTable('billing_settings')
    .set({ ...rest, issuer: sql`${JSON.stringify(issuer)}::jsonb` })
    .execute()
  const { organizationId } = scope
  const data = { changed: Object.keys(changes).sort() }
  await appendEvents(platform, tx, [
    { type: 'billing.settings_changed', organizationId, workspaceId: null, data },
  ])
  return settings
}

/** Wallets in which money has moved keep their currency, and then the platform keeps it, too. */
async function changeCurrency(platform: Platform, tx: Tx, currency: string): Promise<void> {
  if (!isCurrency(currency)) throw wrong('currency', 'is no code of ISO 4217')
  // No wallet is opened in the old one at the same moment.
  await sql`lock table wallets in share row exclusive mode`.execute(tx)
  const { rows } = await sql<{ moved: boolean }>`
    select exists (select 1 from ledger_transfers) as moved`.execute(tx)
  if (rows[0]?.moved) throw new Refusal('billing_currency_in_use')
  await tx.updateTable('wallets').set({ currency, updated_at: platform.clock.now() }).execute()
}

/** A number is of one invoice or credit note alone, also of those that were written under another prefix. */
async function checkPrefixes(tx: Tx, settings: BillingSettings): Promise<void> {
  const { invoice_prefix, credit_note_prefix } = settings
  if (invoice_prefix === credit_note_prefix) throw wrong('credit_note_prefix', 'is that of the invoices')
  const { rows } = await sql<{ kind: string }>`
    select kind from invoices where number is not null
      and starts_with(number, case kind when 'invoice' then ${credit_note_prefix} else ${invoice_prefix} end)
    limit 1`.execute(tx)
  if (rows[0] === undefined) return
  const field = rows[0].kind === 'invoice' ? 'credit_note_prefix' : 'invoice_prefix'
  throw wrong(field, 'begins numbers of the other kind')
}

function wrong(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}
