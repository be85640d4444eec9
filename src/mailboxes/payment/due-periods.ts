/** Periods of mailboxes that are there already: each one since the last that was paid, as far as the money goes. */

import type { BillLine } from '../../billing/amounts.ts'
import { type Bill, notEnough, payBills } from '../../billing/bills.ts'
import { lockPayers, type Payer } from '../../billing/payers.ts'
import { periodAfter, periodsSince, runningPeriod } from '../../billing/periods.ts'
import { isBilling } from '../../billing/settings.ts'
import type { Period } from '../../billing/tables.ts'
import type { Tx } from '../../platform/database.ts'
import type { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Mailbox } from '../tables.ts'
import { slotRoom } from './slots.ts'
import { type CountChange, periodLine, unitPrices } from './units.ts'

export type PayingMailbox = Pick<
  Mailbox,
  | 'id'
  | 'organization_id'
  | 'workspace_id'
  | 'address'
  | 'state'
  | 'service'
  | 'period'
  | 'next_period'
  | 'in_slot'
>

export type DuePeriods<M extends PayingMailbox = PayingMailbox> = {
  mailbox: M
  /** Whose day of the month the periods end on. */
  anchor: Date
  /** Where the first of them begins. */
  from: Date
}

export type PaidPeriods<M extends PayingMailbox = PayingMailbox> = DuePeriods<M> & {
  period: Period
  inSlot: boolean
  /** How many were paid, or cost nothing. */
  periods: number
  /** The end of the last of them: after now when all are paid. */
  endsAt: Date
  isPaid: boolean
  /** Why it is not paid. */
  refusal: Refusal | null
}

/**
 * Pays for mailboxes that this transaction has locked, up to the period that runs now. A slot of a plan goes first; what
 * has no price, and what its service has given up, costs nothing. The prices are those at the beginning of each period.
 * @param dues in the order in which the money goes to them.
 */
export async function payPeriods<M extends PayingMailbox>(
  platform: Platform,
  tx: Tx,
  dues: readonly DuePeriods<M>[],
  now: Date,
): Promise<PaidPeriods<M>[]> {
  if (dues.length === 0) return []
  if (!isBilling(platform)) return dues.map((due) => free(due, now, due.mailbox.in_slot))
  const owners = new Map(dues.map(({ mailbox }) => [mailbox.workspace_id, mailbox.organization_id]))
  const since = new Date(dues.reduce((first, { from }) => Math.min(first, from.getTime()), now.getTime()))
  const [payers, room] = await Promise.all([
    lockPayers(
      platform,
      tx,
      [...owners].map(([workspaceId, organizationId]) => ({ workspaceId, organizationId })),
      ['mailbox'],
      since,
    ),
    slotRoom(tx, [...owners.keys()]),
  ])
  const results = dues.map((due): PaidPeriods<M> => {
    const { mailbox, from } = due
    if (room.take(mailbox)) return free(due, now, true)
    if (mailbox.state === 'failed') return free(due, now, false)
    const none = { inSlot: false, periods: 0, endsAt: from, isPaid: false, refusal: null }
    return { ...due, period: periodOf(mailbox), ...none }
  })
  await payRounds(platform, tx, payers, results, now)
  return results
}

/** The period of the next time. */
function periodOf({ period, next_period }: PayingMailbox): Period {
  return next_period ?? period
}

function free<M extends PayingMailbox>(due: DuePeriods<M>, now: Date, inSlot: boolean): PaidPeriods<M> {
  const period = periodOf(due.mailbox)
  return {
    ...due,
    period,
    inSlot,
    isPaid: true,
    refusal: null,
    ...runningPeriod(due.anchor, period, due.from, now),
  }
}

/** Who comes back, or loses its slot, is a unit from now on; who takes a slot is none any more. */
function countChanges(results: readonly PaidPeriods[]): CountChange[] {
  return results.flatMap(({ mailbox, period, inSlot }): CountChange[] => {
    const wasCounted = !mailbox.in_slot && !['deletion_scheduled', 'failed'].includes(mailbox.state)
    const isCounted = !inSlot && mailbox.state !== 'failed'
    return wasCounted === isCounted ? [] : [{ unit: { ...mailbox, period }, by: isCounted ? 1 : -1 }]
  })
}

type Round = { result: PaidPeriods; line: BillLine | null; endsAt: Date }

/** One period of each, and again of those that are not through: so nobody's later period is paid before an earlier one. */
async function payRounds(
  platform: Platform,
  tx: Tx,
  payers: ReadonlyMap<string, Payer>,
  results: readonly PaidPeriods[],
  now: Date,
): Promise<void> {
  let open = results.filter(({ isPaid }) => !isPaid)
  const unitOf = (result: PaidPeriods) => ({ ...result.mailbox, period: result.period })
  // Also what holds between then and now may go by the count.
  const asked = open.flatMap((result) => {
    const spans = periodsSince(result.anchor, result.period, result.from, {
      now,
      max: Number.POSITIVE_INFINITY,
    })
    return spans.map(({ startsAt: at }) => ({ unit: unitOf(result), at }))
  })
  const prices = await unitPrices(tx, payers, asked, countChanges(results))
  while (open.length > 0) {
    const rounds = open.map((result): Round => {
      const { anchor, period, endsAt: startsAt } = result
      const endsAt = periodAfter(anchor, period, startsAt)
      const amount = prices(unitOf(result), startsAt)
      const line = amount === null ? null : periodLine(unitOf(result), amount, { startsAt, endsAt })
      return { result, line, endsAt }
    })
    const paid = await payRound(platform, tx, payers, rounds)
    for (const { result, endsAt } of paid) {
      result.periods += 1
      result.endsAt = endsAt
      result.isPaid = endsAt > now
    }
    open = paid.map(({ result }) => result).filter(({ isPaid }) => !isPaid)
  }
}

async function payRound(
  platform: Platform,
  tx: Tx,
  payers: ReadonlyMap<string, Payer>,
  rounds: readonly Round[],
): Promise<Round[]> {
  const byWorkspace = Map.groupBy(
    rounds.filter(({ line }) => line !== null),
    ({ result }) => result.mailbox.workspace_id,
  )
  const groups = [...byWorkspace].flatMap(([workspaceId, group]) => {
    const payer = payers.get(workspaceId)
    return payer ? [{ payer, group }] : []
  })
  const bills = groups.map(({ payer, group }): Bill => {
    const lines = group.flatMap(({ line }) => (line === null ? [] : [line]))
    const description = `Periods of ${lines.length === 1 ? 'a mailbox' : `${lines.length} mailboxes`}`
    return { payer, cause: 'renewal', causeId: null, description, lines, take: 'each' }
  })
  const billed = await payBills(platform, tx, bills)
  const unpaid = new Set<Round>()
  for (const [at, { payer, group }] of groups.entries()) {
    const refusal = notEnough(payer, billed[at]?.shortfall ?? 0)
    for (const [index, round] of group.entries()) {
      if (billed[at]?.paid[index] === true) continue
      round.result.refusal = refusal
      unpaid.add(round)
    }
  }
  return rounds.filter((round) => !unpaid.has(round))
}
