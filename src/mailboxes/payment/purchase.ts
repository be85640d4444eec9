/**
 * The first payment of mailboxes: by a plan's slot, else for the first period. What is active at once is billed at once;
 * for what is not, the money is put aside until its first period begins (first-periods.ts).
 */
import { notEnough, payBills } from '../../billing/bills.ts'
import { type NewHold, putAside } from '../../billing/holds.ts'
import { lockPayer, type Owner, type Payer } from '../../billing/payers.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { slotRoom } from './slots.ts'
import { periodLine, type Unit, unitPrices } from './units.ts'

/** A mailbox to be paid. */
export type NewUnit = Unit & {
  /** Of its first period, where that begins at once. */
  times: { startsAt: Date; endsAt: Date } | null
  /** Whether it is there already, and is counted among those that steps of prices count. */
  isCounted?: boolean
}

export type Payment = { inSlot: boolean; refusal: Refusal | null }

type Priced = { unit: NewUnit; amount: number; index: number }

/**
 * Pays for mailboxes of one workspace, as far as its money goes: those that are active at once before the others, and
 * each kind in its order. Whoever cannot be paid leaves nothing.
 * @returns for each whether it has a slot, and why it is not paid: insufficient_funds, wallet_locked, item_not_priced.
 */
export async function payFirst(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  units: readonly NewUnit[],
): Promise<Payment[]> {
  const [payer, room] = await Promise.all([
    lockPayer(platform, tx, owner, ['mailbox']),
    slotRoom(tx, [owner.workspaceId]),
  ])
  const payments = units.map((unit): Payment => {
    return { inSlot: room.take({ ...unit, in_slot: false }), refusal: null }
  })
  const unslotted = units.filter((_, index) => payments[index]?.inSlot === false)
  const prices = await unitPrices(
    tx,
    new Map([[payer.workspaceId, payer]]),
    unslotted.map((unit) => ({ unit })),
    unslotted.filter(({ isCounted }) => isCounted !== true).map((unit) => ({ unit, by: 1 })),
  )
  const priced: Priced[] = []
  for (const [index, unit] of units.entries()) {
    if (payments[index]?.inSlot !== false) continue
    const amount = prices(unit)
    if (amount === null) payments[index] = { inSlot: false, refusal: unpriced(unit) }
    else priced.push({ unit, amount, index })
  }
  const refuse = ({ index }: Priced, refusal: Refusal): void => {
    payments[index] = { inSlot: false, refusal }
  }
  await bill(platform, tx, payer, priced, refuse)
  await hold(platform, tx, payer, priced, refuse)
  return payments
}

function unpriced({ service, period }: Unit): Refusal {
  return new Refusal('item_not_priced', `A ${period} mailbox of the service ${service} has no price.`)
}

type Refuse = (priced: Priced, refusal: Refusal) => void

async function bill(
  platform: Platform,
  tx: Tx,
  payer: Payer,
  priced: readonly Priced[],
  refuse: Refuse,
): Promise<void> {
  const active = priced.filter(({ unit }) => unit.times !== null)
  const lines = active.map(({ unit, amount }) => periodLine(unit, amount, unit.times ?? undefined))
  const [only] = lines.length === 1 ? lines : []
  if (lines.length === 0) return
  const [billed] = await payBills(platform, tx, [
    {
      payer,
      cause: 'mailbox',
      causeId: only?.subjectId ?? null,
      description: only?.description ?? `${lines.length} mailboxes`,
      lines,
      take: 'each',
    },
  ])
  for (const [at, one] of active.entries()) {
    if (billed?.paid[at] !== true) refuse(one, notEnough(payer, billed?.shortfall ?? 0))
  }
}

async function hold(
  platform: Platform,
  tx: Tx,
  payer: Payer,
  priced: readonly Priced[],
  refuse: Refuse,
): Promise<void> {
  const later = priced.filter(({ unit }) => unit.times === null)
  if (later.length === 0) return
  const holds = later.map(({ unit, amount }): NewHold => {
    const line = periodLine(unit, amount)
    return { payer, cause: 'mailbox', causeId: unit.id, description: line.description, lines: [line] }
  })
  const shortfalls = await putAside(platform, tx, holds)
  for (const [at, one] of later.entries()) {
    const shortfall = shortfalls[at] ?? 0
    if (shortfall > 0) refuse(one, notEnough(payer, shortfall))
  }
}
