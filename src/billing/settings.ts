/** The operator's terms, one row for the platform: currency, issuer of invoices, and what happens to what is not paid. */
import type { Selectable } from 'kysely'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { BillingSettingsTable } from './tables.ts'

export type BillingSettings = Selectable<BillingSettingsTable>

/** @param db the transaction, inside one. */
export async function billingSettingsOf(db: Db): Promise<BillingSettings> {
  return await db.selectFrom('billing_settings').selectAll().executeTakeFirstOrThrow()
}

/** Whether anything is paid here at all. */
export function isBilling({ config }: Platform): boolean {
  return config.billing === 'on'
}
