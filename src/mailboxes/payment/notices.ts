/**
 * Renewals are announced: how many mailboxes of a workspace renew within so many days, and what that comes to. One event
 * for them all, as a workspace may have a hundred thousand that renew on one day; the list of mailboxes has each one's day.
 */
import { sql } from 'kysely'
import { lineTotal, priceLine } from '../../billing/amounts.ts'
import { noticeOf } from '../../billing/notices.ts'
import { lockPayers } from '../../billing/payers.ts'
import { periodBefore } from '../../billing/periods.ts'
import { billingSettingsOf, isBilling } from '../../billing/settings.ts'
import type { Period } from '../../billing/tables.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { periodLine, type Unit, unitPrices } from './units.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.announce_renewals': Record<string, never>
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    /** `amount`: with discounts and tax, by the prices of today; `balance`: what the wallet has. */
    'billing.renewal_due': {
      days: number
      mailboxes: number
      amount: number
      currency: string
      balance: number
      first_at: string
      last_at: string
    }
  }
}

const mailboxesPerTransaction = 5000

type NoticedMailbox = Unit & {
  organization_id: string
  in_slot: boolean
  /** That runs now; the unit's is the next one. */
  present_period: Period
  period_anchor_at: Date | null
  period_ends_at: Date
  noticed_before: number | null
  days: number
}

/** Announces some of those that are due, each once for each of the days. @returns how many; 0 when there is none left. */
export async function announceRenewals(platform: Platform): Promise<number> {
  if (!isBilling(platform)) return 0
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const { notice_days: days } = await billingSettingsOf(tx)
    if (days.length === 0) return 0
    const { rows } = await sql<NoticedMailbox>`
      with days as (select unnest(${days}::int[]) as days), chosen as (
        select mailboxes.id, noticed_days as noticed_before, (select min(days) from days
          where period_ends_at <= ${now}::timestamptz + make_interval(hours => 24 * days)) as days
        from mailboxes
        where period_ends_at > ${now} and period_ends_at <= ${now}::timestamptz + make_interval(hours => 24 * ${Math.max(...days)}::int)
          and next_payment_at is null and state not in ('deleted', 'deletion_scheduled', 'failed')
          and not cancel_at_period_end and (noticed_days is null or noticed_days > (select min(days) from days
            where period_ends_at <= ${now}::timestamptz + make_interval(hours => 24 * days)))
        order by workspace_id, id limit ${mailboxesPerTransaction} for update skip locked
      )
      update mailboxes set noticed_days = chosen.days from chosen where chosen.id = mailboxes.id
      returning mailboxes.id, workspace_id, organization_id, address, service, coalesce(next_period, period) as period,
        in_slot, period as present_period, period_anchor_at, period_ends_at, noticed_before, chosen.days`.execute(
      tx,
    )
    // Days that lie before the period’s start are passed over in silence.
    const told = rows.filter((row) => isTold(days, row, now))
    await appendEvents(platform, tx, await noticesOf(platform, tx, told))
    return rows.length
  })
}

/** What the query chose is what the rule says, but for the period's start, of which it knows nothing. */
function isTold(noticeDays: readonly number[], mailbox: NoticedMailbox, now: Date): boolean {
  const { present_period, period_anchor_at: anchor, period_ends_at: endsAt, noticed_before } = mailbox
  if (anchor === null) return false
  const startsAt = periodBefore(anchor, present_period, endsAt)
  return noticeOf(noticeDays, { startsAt, endsAt, noticedDays: noticed_before }, now).days === mailbox.days
}

async function noticesOf(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly NoticedMailbox[],
): Promise<NewEvent[]> {
  const priced = mailboxes.filter(({ in_slot }) => !in_slot)
  if (priced.length === 0) return []
  const owners = priced.map((row) => ({ organizationId: row.organization_id, workspaceId: row.workspace_id }))
  const payers = await lockPayers(platform, tx, owners, ['mailbox'])
  const prices = await unitPrices(
    tx,
    payers,
    priced.map((unit) => ({ unit })),
    [],
  )
  const groups = Map.groupBy(priced, ({ workspace_id, days }) => `${workspace_id} ${days}`)
  return [...groups.values()].flatMap((group): NewEvent[] => {
    const [first] = group
    const payer = payers.get(first?.workspace_id ?? '')
    if (first === undefined || payer === undefined) return []
    const amounts = group.flatMap((unit) => {
      const price = prices(unit)
      return price === null || price === 0 ? [] : [lineTotal(priceLine(payer, periodLine(unit, price)))]
    })
    if (amounts.length === 0) return []
    const ends = group.map(({ period_ends_at }) => period_ends_at.getTime())
    const data = {
      days: first.days,
      mailboxes: amounts.length,
      amount: amounts.reduce((sum, one) => sum + one, 0),
      currency: payer.wallet.currency,
      balance: payer.wallet.balance,
      first_at: new Date(ends.reduce((a, b) => Math.min(a, b))).toISOString(),
      last_at: new Date(ends.reduce((a, b) => Math.max(a, b))).toISOString(),
    }
    const { organizationId, workspaceId } = payer
    return [{ type: 'billing.renewal_due', organizationId, workspaceId, data }]
  })
}
