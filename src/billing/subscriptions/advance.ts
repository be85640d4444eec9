/**
 * Subscriptions brought up to the present moment: renewals announced, periods that have begun paid as far as the money
 * goes, cancellations carried out, and what is not paid dunned. The job does it for all that are due, whoever changes one
 * does it first: so it does not matter how late the job is, nor how often it comes.
 */
import { sql } from 'kysely'
import { type Tx, together } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { payBills } from '../bills.ts'
import { topUpShortStatements } from '../low-balance.ts'
import { lockPayers } from '../payers.ts'
import { billingSettingsOf } from '../settings.ts'
import { ownerOf, plansOf, type Subscription, writeSubscriptions } from './rows.ts'
import { type Turn, type TurnContext, turnOf } from './turns.ts'

/**
 * @param subscriptions that this transaction has locked. One for which nothing is due stays as it is; one that is not paid is tried.
 * @returns them as they now are, in their order.
 */
export async function advance(
  platform: Platform,
  tx: Tx,
  subscriptions: readonly Subscription[],
): Promise<Subscription[]> {
  if (subscriptions.length === 0) return []
  const now = platform.clock.now()
  const since = new Date(Math.min(now.getTime(), ...subscriptions.map((one) => one.period_ends_at.getTime())))
  const settings = await billingSettingsOf(tx)
  const plans = await plansOf(tx, subscriptions)
  const goneWorkspaces = await deletedWorkspaces(tx, subscriptions)
  const payers = await lockPayers(platform, tx, subscriptions.map(ownerOf), ['plan', 'plan_slot'], since)
  const context: TurnContext = { tx, now, settings, plans, goneWorkspaces, payers }
  const turns = subscriptions.map((subscription) => turnOf(context, subscription))
  const paid = await pay(platform, tx, turns)
  const changed = paid.filter(({ before, after }) => before !== after)
  const written = await writeSubscriptions(
    tx,
    changed.map(({ after }) => after),
    now,
  )
  await appendEvents(
    platform,
    tx,
    changed.flatMap(({ events }) => events),
  )
  const short = changed.filter(({ after }) => after.unpaid_since !== null && after.state !== 'canceled')
  await together(
    tx,
    topUpShortStatements(
      tx,
      short.flatMap(({ after }) => payers.get(after.workspace_id) ?? []),
    ),
  )
  const byId = new Map(written.map((row) => [row.id, row]))
  return subscriptions.map((subscription) => byId.get(subscription.id) ?? subscription)
}

/** Pays what the turns are about, one bill for each wallet, and notes the invoices. */
async function pay(platform: Platform, tx: Tx, turns: readonly Turn[]): Promise<Turn[]> {
  const costly = turns.flatMap((turn) => (turn.bill === null ? [] : [{ turn, bill: turn.bill }]))
  const results = await payBills(
    platform,
    tx,
    costly.map(({ turn, bill: { payer, lines, description } }) => ({
      payer,
      cause: 'renewal',
      causeId: turn.before.id,
      description,
      lines,
      take: 'all',
    })),
  )
  const invoices = new Map(
    results.map((billed, index) => {
      // What a turn asks for was reckoned with the same wallet.
      if (billed.paid.includes(false)) throw new Error('a renewal that could be paid is not paid')
      return [costly[index]?.turn.before.id, billed.invoiceId]
    }),
  )
  return turns.map((turn) => {
    const invoiceId = invoices.get(turn.before.id)
    if (turn.bill === null || invoiceId === undefined) return turn
    const { lastItems } = turn.bill
    const after = {
      ...turn.after,
      plan_invoice_id: lastItems.includes('plan') ? invoiceId : null,
      slots_invoice_id: lastItems.includes('plan_slot') ? invoiceId : null,
    }
    return { ...turn, after }
  })
}

async function deletedWorkspaces(tx: Tx, subscriptions: readonly Subscription[]): Promise<Set<string>> {
  const ids = subscriptions.map(({ workspace_id }) => workspace_id)
  const { rows } = await sql<{ id: string }>`
    select id from workspaces where id = any(${uuidArray(ids)}) and deleted_at is not null`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}
