/**
 * Mailboxes that waited for their first payment for too long: they are given up, and their addresses are free again. With
 * billing off nothing is waited for, and what was put aside is given back.
 */
import { type Selectable, sql } from 'kysely'
import { releaseHolds } from '../../billing/holds.ts'
import { billingSettingsOf, isBilling } from '../../billing/settings.ts'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { announceAddresses } from '../address-rows.ts'
import { type MovedMailbox, tellMoves } from '../state-moves.ts'
import type { AddressesTable } from '../tables.ts'
import { settleMailboxes } from './settle.ts'

const mailboxesPerTransaction = 1000

/** Gives up some of those that are due. @returns how many; 0 when there is none left. */
export async function failUnpaidWaits(platform: Platform): Promise<number> {
  if (!isBilling(platform)) return await endWaits(platform)
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const { payment_wait_days: days } = await billingSettingsOf(tx)
    const { rows } = await sql<MovedMailbox>`update mailboxes set state = 'failed', state_changed_at = ${now},
        updated_at = ${now}, version = version + 1
      where id in (select id from mailboxes where state = 'waiting_payment'
        and state_changed_at <= ${now}::timestamptz - make_interval(hours => 24 * ${days}::int)
        order by state_changed_at limit ${mailboxesPerTransaction} for update skip locked)
      returning id, organization_id, workspace_id, address, batch_id, service, 'waiting_payment' as "from",
        state as "to"`.execute(tx)
    if (rows.length === 0) return 0
    const { rows: freed } = await sql<Selectable<AddressesTable>>`
      delete from addresses where mailbox_id = any(${uuidArray(rows.map(({ id }) => id))}) returning *`.execute(
      tx,
    )
    const organizations = new Map(rows.map((row) => [row.id, row.organization_id]))
    // Its own address goes with it, and its event says so.
    await announceAddresses(
      platform,
      tx,
      'address.deleted',
      freed.flatMap((row) => {
        const organizationId = organizations.get(row.mailbox_id ?? '')
        return row.kind === 'mailbox' || organizationId === undefined ? [] : [{ organizationId, row }]
      }),
    )
    await tellMoves(platform, tx, rows)
    return rows.length
  })
}

/** Nothing is paid any more: whoever waited for money need not. */
async function endWaits(platform: Platform): Promise<number> {
  const { rows } = await sql<{ workspace_id: string }>`select distinct workspace_id from mailboxes
    where state = 'waiting_payment' limit 100`.execute(platform.db)
  for (const { workspace_id } of rows) await settleMailboxes(platform, workspace_id)
  return rows.length + (await releaseAll(platform))
}

/** Some of what was put aside for mailboxes while billing was on. @returns how many. */
async function releaseAll(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ cause_id: string }>`select cause_id from wallet_holds
      where cause = 'mailbox' and state = 'held' order by workspace_id, cause_id limit ${mailboxesPerTransaction}`.execute(
      tx,
    )
    const ids = rows.map(({ cause_id }) => cause_id)
    if (ids.length > 0) await releaseHolds(platform, tx, 'mailbox', ids)
    return ids.length
  })
}
