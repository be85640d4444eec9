/**
 * The first payment of mailboxes: by a plan's slot, else for the first period. What is active at once is billed at once;
 * for what is not, the money is put aside until its first period begins (first-periods.ts).
 */
import type { QueryResult, RawBuilder } from 'kysely'
import { draftBills, notEnough } from '../../billing/bills.ts'
import { draftHolds, type NewHold } from '../../billing/holds.ts'
import { lockPayerBeside, type Owner, type Payer } from '../../billing/payers.ts'
import { joinWrites, noWrites, send, type Writes } from '../../billing/writes.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type SlotRoom, type SlotRoomRow, slotRoomOf, slotRoomStatement } from './slots.ts'
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

/** What first payments are made with: the workspace's wallet, locked, and the slots of its plan. */
export type Till = { payer: Payer; room: SlotRoom }

/**
 * @param before statements that are sent with it, before the wallet is locked.
 * @returns their results, too.
 */
export async function openTill(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  before: readonly RawBuilder<unknown>[] = [],
): Promise<Till & { before: QueryResult<unknown>[] }> {
  const locked = await lockPayerBeside(platform, tx, owner, ['mailbox'], {
    before,
    after: [slotRoomStatement([owner.workspaceId])],
  })
  const rows = (locked.after[0]?.rows ?? []) as SlotRoomRow[] // together knows no types
  return { payer: locked.payer, room: await slotRoomOf(tx, rows), before: locked.before }
}

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
  const { payments, writes } = await draftFirst(platform, tx, await openTill(platform, tx, owner), units)
  await send(platform, tx, writes)
  return payments
}

/** The same without writing it: the caller sends what is to be written. */
export async function draftFirst(
  platform: Platform,
  tx: Tx,
  { payer, room }: Till,
  units: readonly NewUnit[],
): Promise<{ payments: Payment[]; writes: Writes }> {
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
  const billed = bill(platform, tx, payer, priced, refuse)
  const held = hold(platform, tx, payer, priced, refuse)
  return { payments, writes: joinWrites(billed, held) }
}

function unpriced({ service, period }: Unit): Refusal {
  return new Refusal('item_not_priced', `A ${period} mailbox of the service ${service} has no price.`)
}

type Refuse = (priced: Priced, refusal: Refusal) => void

function bill(platform: Platform, tx: Tx, payer: Payer, priced: readonly Priced[], refuse: Refuse): Writes {
  const active = priced.filter(({ unit }) => unit.times !== null)
  const lines = active.map(({ unit, amount }) => periodLine(unit, amount, unit.times ?? undefined))
  const [only] = lines.length === 1 ? lines : []
  if (lines.length === 0) return noWrites
  const { billed, writes } = draftBills(platform, tx, [
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
    if (billed[0]?.paid[at] !== true) refuse(one, notEnough(payer, billed[0]?.shortfall ?? 0))
  }
  return writes
}

function hold(platform: Platform, tx: Tx, payer: Payer, priced: readonly Priced[], refuse: Refuse): Writes {
  const later = priced.filter(({ unit }) => unit.times === null)
  if (later.length === 0) return noWrites
  const holds = later.map(({ unit, amount }): NewHold => {
    const line = periodLine(unit, amount)
    return { payer, cause: 'mailbox', causeId: unit.id, description: line.description, lines: [line] }
  })
  const { shortfalls, writes } = draftHolds(platform, tx, holds)
  for (const [at, one] of later.entries()) {
    const shortfall = shortfalls[at] ?? 0
    if (shortfall > 0) refuse(one, notEnough(payer, shortfall))
  }
  return writes
}
